"""The sharing benchmark: campaigns on EMT whose members begin one after the other, with and without learning from
those before."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT

from al_workflows import offline
from al_workflows.benchmark.cache import package_hash
from al_workflows.benchmark.sites import SITES, Site
from al_workflows.benchmark.systems import ATOMS, METALS, RATTLE
from al_workflows.benchmark.variants import Changes
from al_workflows.curvature import TOLERANCE, modes
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.errors import AlWorkflowsError
from al_workflows.records import Label, LabelStatus, Record, Request
from al_workflows.sharing import Lender, evenly, fingerprint, most_similar
from al_workflows.structures import free_atoms, max_force
from al_workflows.threads import single_threaded
from al_workflows.versions import installed_versions

#: what is drawn for a campaign: so many metals, adsorbates and sites of each facet
N_METALS, N_ADSORBATES, N_SITES = 4, 3, 2
#: eV/Å: the force at which a member is done
FMAX = 0.03
_PACKAGES = ("ase", "numpy", "scipy", "torch", "numba", "vesin")
_MODULES = ("benchmark.sharing", "benchmark.sites", "benchmark.variants", "sharing")

_ALL = (
    Changes("alone", "each member learns from its own labels: the default learner"),
    Changes("sharing", "each learns from those that began before it as well", {"sharing": {}}),
    Changes("sharing-start", "as sharing, but DFT answers every start first", {"sharing": {"skip_start": False}}),
)
ARMS = {arm.name: arm for arm in _ALL}


@dataclass(frozen=True)
class MemberTrial(Record):
    """One member's run: its DFT ``calls``, ``refused`` queries, how it ended and where.

    ``energy`` (eV), ``fmax`` (eV/Å) and lowest ``curvature`` (eV/Å²) are the parent's at the end, None without one;
    ``borrowed`` labels of ``lenders`` runs; ``seconds`` of CPU time, the parent's included.
    """

    name: str
    verdict: str
    calls: int
    refused: int
    energy: float | None
    fmax: float | None
    curvature: float | None
    borrowed: int
    lenders: int
    seconds: float

    @property
    def on_saddle(self) -> bool:
        """Whether the parent's energy curves downwards at the end."""
        return self.curvature is not None and self.curvature < -TOLERANCE


@dataclass(frozen=True)
class CampaignTrial(Record):
    """The members of one campaign in the order in which they began."""

    seed: int
    arm: str
    members: tuple[MemberTrial, ...]

    def calls(self, first: float = 0.0, last: float = 1.0) -> int:
        """DFT calls of the members from the share ``first`` to ``last`` of the order."""
        count = len(self.members)
        return sum(one.calls for one in self.members[round(first * count) : round(last * count)])


def draw_members(seed: int) -> list[Site]:
    """The members of the campaign of ``seed``, in the order in which they begin; at most two share all but the site."""
    rng = np.random.default_rng([seed, *b"campaign"])
    metals = rng.permutation(METALS)[:N_METALS].tolist()
    adsorbates = rng.permutation(ATOMS)[:N_ADSORBATES].tolist()
    members = []
    for metal in metals:
        for facet, sites in SITES.items():
            for adsorbate in adsorbates:
                chosen = rng.permutation(sites)[:N_SITES].tolist()
                members += [Site(metal, facet, adsorbate, site) for site in chosen]
    return [members[place] for place in rng.permutation(len(members))]


def start_of(member: Site, seed: int) -> Atoms:
    """The member's start, free atoms rattled by :data:`~al_workflows.benchmark.systems.RATTLE`."""
    atoms = member.start()
    free = np.flatnonzero(free_atoms(atoms))
    rng = np.random.default_rng([seed, *member.name.encode()])
    atoms.positions[free] += rng.normal(0.0, RATTLE, (len(free), 3))
    return atoms


@dataclass(frozen=True)
class CampaignTask:
    """A campaign to be worked off, one member after the other."""

    seed: int
    arm: Changes

    @property
    def title(self) -> str:
        """Names it to a reader."""
        return f"campaign-{self.seed}-{self.arm.name.replace(', ', '-').replace(' ', '-')}"

    def key(self) -> dict[str, Any]:
        """All that decides its numbers."""
        installed = installed_versions()
        return {
            "seed": self.seed,
            "settings": self._spec().model_dump(mode="json"),
            "versions": {name: installed[name] for name in _PACKAGES if name in installed},
            "code": package_hash(*_MODULES),
        }

    def _spec(self) -> Any:
        return self.arm.on_emt(self.seed, {"kind": "relaxation", "fmax": FMAX})

    @single_threaded
    def run(self) -> CampaignTrial:
        """Work it off."""
        trials: list[MemberTrial] = []
        lenders: list[tuple[Lender, set[str], tuple[Label, ...]]] = []
        for member in draw_members(self.seed):
            start = start_of(member, self.seed)
            trial, labels = self._member(member, start, self._lent(start, lenders))
            trials.append(trial)
            if labels:
                lender = Lender(member.name, fingerprint(start), len(labels))
                lenders.append((lender, set(start.symbols), labels))
        return CampaignTrial(self.seed, self.arm.name, tuple(trials))

    def _lent(self, start: Atoms, lenders: list[tuple[Lender, set[str], tuple[Label, ...]]]) -> list[Label]:
        sharing = self._spec().sharing
        if sharing is None:
            return []
        fit = {lender.run: (lender, labels) for lender, elements, labels in lenders if elements <= set(start.symbols)}
        chosen = most_similar(fingerprint(start), [lender for lender, _ in fit.values()], sharing.labels)
        return [label for lender, count in reversed(chosen) for label in evenly(fit[lender.run][1], count)]

    def _member(self, member: Site, start: Atoms, borrowed: list[Label]) -> tuple[MemberTrial, tuple[Label, ...]]:
        spec, emt, refused, calls = self._spec(), EMT(), 0, 0

        def answer(request: Request, directory: Path) -> Label:
            nonlocal refused, calls
            label = single_point_in_process(request, emt, limit=spec.dft, directory=directory)
            refused += int(label.status is LabelStatus.GEOMETRY_REJECTED)
            calls += int(label.attempts > 0)
            return label

        began = time.process_time()
        verdict, energy, fmax, curvature, labels = "CRASHED", None, None, None, tuple[Label, ...]()
        with TemporaryDirectory() as directory:
            try:
                result = offline.run(spec, start, Path(directory), answer, borrowed=borrowed)
            except AlWorkflowsError:
                pass
            else:
                verdict, labels = result.verdict.kind.value, tuple(label for label in result.labels if label.ok)
                if result.answer is not None and result.answer.forces is not None:
                    energy, fmax = result.answer.energy, max_force(result.answer.atoms, result.answer.forces)
        seconds = time.process_time() - began
        if energy is not None and result.answer is not None:
            curvature = float(modes(result.answer.atoms, EMT()).curvatures[0])
        trial = MemberTrial(
            name=member.name,
            verdict=verdict,
            calls=calls,
            refused=refused,
            energy=energy,
            fmax=fmax,
            curvature=curvature,
            borrowed=len(borrowed),
            lenders=len({label.key.partition("/")[0] for label in borrowed}),
            seconds=seconds,
        )
        return trial, labels
