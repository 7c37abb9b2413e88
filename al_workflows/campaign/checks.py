"""Whether potential and DFT can treat a member's elements: asked once for each kind of settings and elements."""

from __future__ import annotations

from ase import Atoms

from al_workflows.dft.sampling import sampling_remark
from al_workflows.dft.settings import check_available
from al_workflows.errors import EnvironmentProblem, InputError
from al_workflows.potential import check_prior
from al_workflows.spec import RunSpec


class Checks:
    """Remembers answers."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, frozenset[str]], str | None] = {}
        self._kept: list[RunSpec] = []  # an id is of one object as long as that is there
        self._remarks: dict[str, str] = {}

    @property
    def remarks(self) -> list[str]:
        """Lines on what lacks and need not be there."""
        return list(self._remarks.values())

    def ask(self, spec: RunSpec, atoms: Atoms) -> None:
        """Raise an :class:`InputError` if no single point or no prior of these elements could succeed.

        A code that is not installed here is a remark: a plan may be made elsewhere.
        """
        remark = sampling_remark(atoms, spec.dft)
        if remark is not None:
            self._remarks["k-points"] = remark
        asked = id(spec), frozenset(atoms.get_chemical_symbols())
        if asked not in self._known:
            self._kept.append(spec)
            self._known[asked] = self._problem(spec, atoms)
        problem = self._known[asked]
        if problem is not None:
            raise InputError(problem)

    def _problem(self, spec: RunSpec, atoms: Atoms) -> str | None:
        try:
            found = list(check_prior(atoms, spec.potential.prior))
            try:
                check_available(spec.dft, sorted(set(atoms.get_chemical_symbols())))
            except EnvironmentProblem as error:
                found.append(str(error))
        except InputError as error:
            return str(error)
        except EnvironmentProblem as error:  # the prior's package
            found = [str(error)]
        for remark in found:
            what = remark.partition(" (")[0]  # slabs lack the same with each adsorbate: the most pairs say most
            self._remarks[what] = max(self._remarks.get(what, ""), remark, key=lambda text: text.count(","))
        return None
