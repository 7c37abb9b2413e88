"""What is made of each slab: itself, adsorbates on its sites, paths between them, dynamics."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from al_workflows.campaign.adsorbates import (
    Adsorbate,
    adsorbate_atoms,
    closest_ratio,
    oriented,
    placed,
    refuse_too_large,
    species_atoms,
)
from al_workflows.campaign.book import Book
from al_workflows.campaign.coverage import monolayers, places
from al_workflows.campaign.gas import in_a_box, reference_of, refuse_unequal
from al_workflows.campaign.hops import Hop, find_hops, fits
from al_workflows.campaign.member import Role
from al_workflows.campaign.selector import SelectorSpec
from al_workflows.campaign.sites import Site, SlabSymmetry, find_sites, slab_symmetry
from al_workflows.campaign.slabs import Slab
from al_workflows.campaign.spec import CampaignSpec, CoverageSpec
from al_workflows.errors import InputError
from al_workflows.path_ends import match_ends
from al_workflows.records import FloatArray
from al_workflows.spec import NebSpec
from al_workflows.structures import describe_closest, min_distance_ratio, validate_structure

Tags = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Surface:
    """A slab with its ``key``, ``tags``, ``sites`` and their symmetry."""

    key: str
    slab: Slab
    tags: Tags
    sites: tuple[Site, ...]
    symmetry: SlabSymmetry


class Surfaces:
    """Enters the members of one slab after another; gas-phase species at first."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._adsorbates: dict[str, Adsorbate] = {}
        self._references: dict[str, dict[str, float]] = {}
        self._selected: dict[str, bool] = {}
        directory = book.campaign.directory
        for spec in self._spec.adsorbates:
            with book.entry(spec.name):
                atoms = adsorbate_atoms(spec, directory)
                self._adsorbates[spec.name] = oriented(spec, atoms)
        if self._spec.relaxations is not None and self._spec.references.molecules:
            for name in self._adsorbates:
                with book.entry(f"{name}-reference"):
                    self._references[name] = self._gas(name)

    @property
    def _spec(self) -> CampaignSpec:
        return self._book.campaign.spec

    def _gas(self, name: str) -> dict[str, float]:
        """Enter the species that an adsorbate is compared with; keys and numbers of them."""
        spec = self._spec.adsorbate(name)
        assert spec is not None
        directory, wanted = self._book.campaign.directory, reference_of(spec)
        species = {}
        for one in wanted:
            known = self._spec.adsorbate(one)
            species[one] = adsorbate_atoms(known, directory) if known is not None else species_atoms(one)
        refuse_unequal(self._adsorbates[name].atoms, name, species, wanted)
        for one, atoms in species.items():
            if f"gas-{one}" not in self._book.members:
                boxed = in_a_box(atoms, self._spec.references)
                self._book.add(f"gas-{one}", Role.MOLECULE, {"adsorbate": one}, boxed)
        return {f"gas-{one}": number for one, number in wanted.items()}

    def add(self, key: str, slab: Slab, tags: Tags) -> None:
        """Enter all that is made of a slab.

        Raises
        ------
        InputError
            Nothing can be made of it.
        """
        spec, book = self._spec, self._book
        closest = min_distance_ratio(slab.atoms)
        least = book.settings.of(Role.SLAB, {**tags, "role": Role.SLAB.value, "key": key}).dft.min_distance
        if closest.ratio < least:
            raise InputError(f"{describe_closest(slab.atoms, closest)} but `dft.min_distance` is {least:g}")
        if spec.slabs.fixed_layers:
            validate_structure(slab.atoms, key)
        if spec.relaxations is not None and spec.references.slabs:
            book.add(key, Role.SLAB, tags, self._displaced(slab.atoms, (), key))
        if spec.dynamics is not None and spec.dynamics.of == "slab":
            self._dynamics(key, tags, slab.atoms, ())
        if not self._adsorbates:
            return
        symmetry = slab_symmetry(slab.unit)
        surface = Surface(key, slab, tags, find_sites(slab, symmetry, spec.sites.depth), symmetry)
        chosen = [site for site in surface.sites if site.kind in spec.sites.positions][: spec.sites.max_per_slab]
        cells = slab.repeats[0] * slab.repeats[1]
        for name, adsorbate in self._adsorbates.items():
            with book.entry(f"{key}-{name}"):
                refuse_too_large(adsorbate, slab.atoms)
                book.duplicates["sites"] += sum(len(site.images) * cells - 1 for site in chosen)
                for site, coverage in itertools.product(chosen, spec.sites.coverages):
                    self._on_a_site(surface, adsorbate, site, coverage)
                if spec.paths is not None:
                    self._paths(surface, adsorbate)

    def _on_a_site(self, surface: Surface, adsorbate: Adsorbate, site: Site, coverage: CoverageSpec) -> None:
        number = coverage.adsorbates
        key = f"{surface.key}-{adsorbate.name}-{site.name}" + (f"-n{number}" if number > 1 else "")
        tags = {**surface.tags, "adsorbate": adsorbate.name, "site": site.name}
        tags["coverage"] = monolayers(number, surface.slab)
        with self._book.entry(key):
            there = places(site, surface.slab, coverage, adsorbate)
            atoms, added = self._with(surface, adsorbate, there, Role.ADSORPTION, key, tags)
            if self._spec.relaxations is not None:
                self._relaxations(key, tags, surface, number, (atoms, added), self._spec.relaxations.where)
            if self._spec.dynamics is not None and self._spec.dynamics.of == "adsorption":
                self._dynamics(key, tags, atoms, added)

    def _relaxations(
        self,
        key: str,
        tags: Tags,
        surface: Surface,
        number: int,
        start: tuple[Atoms, Sequence[int]],
        where: SelectorSpec,
    ) -> None:
        name, book = tags["adsorbate"], self._book
        references: dict[str, float] = {}
        if self._spec.references.slabs and self._spec.references.molecules:
            if name not in self._references:
                raise InputError(f"its reference is missing: {book.why_not(f'{name}-reference')}")
            references = {surface.key: 1.0}
            references |= {gas: number * each for gas, each in self._references[name].items()}
        for one, own in self._repeated(key, tags, Role.ADSORPTION, where):
            book.add(one, Role.ADSORPTION, own, self._displaced(*start, one), references=references)

    def _dynamics(self, key: str, tags: Tags, atoms: Atoms, added: Sequence[int]) -> None:
        assert self._spec.dynamics is not None
        for one, own in self._repeated(f"{key}-md", tags, Role.DYNAMICS, self._spec.dynamics.where):
            with self._book.entry(one):
                self._book.add(one, Role.DYNAMICS, own, self._displaced(atoms, added, one))

    def _paths(self, surface: Surface, adsorbate: Adsorbate) -> None:
        assert self._spec.paths is not None
        hops = find_hops(surface.slab, surface.sites, surface.symmetry, self._spec.paths)
        self._book.duplicates["paths"] += hops.equal
        counts: dict[str, int] = {}
        for hop in hops.different:
            way = f"{hop.start.name}-to-{hop.end.name}"
            counts[way] = counts.get(way, 0) + 1
            key = f"{surface.key}-{adsorbate.name}-{way}" + (f".{counts[way]}" if counts[way] > 1 else "")
            tags = {**surface.tags, "adsorbate": adsorbate.name, "site": way}
            tags["coverage"] = monolayers(1, surface.slab)
            with self._book.entry(key):
                self._path(surface, adsorbate, hop, key, tags)

    def _path(self, surface: Surface, adsorbate: Adsorbate, hop: Hop, key: str, tags: Tags) -> None:
        assert self._spec.paths is not None
        for one, own in self._repeated(key, tags, Role.PATH, self._spec.paths.where):
            if not fits(hop, surface.slab):
                raise InputError(
                    f"its cell has a way shorter than {hop.length:.2f} Å to an image of its end; raise "
                    "`slabs.min_lateral`"
                )
            initial, final = (
                self._displaced(*self._with(surface, adsorbate, [place], Role.PATH, one, own), f"{one}{end}")
                for place, end in ((hop.start.position, ""), (hop.position, "-final"))
            )
            self._book.add(one, Role.PATH, own, initial, match_ends(initial, final, NebSpec(minimum_image=False), one))

    def _with(
        self, surface: Surface, adsorbate: Adsorbate, there: Iterable[FloatArray], role: Role, key: str, tags: Tags
    ) -> tuple[Atoms, Sequence[int]]:
        """The slab with adsorbates, tagged 0, and their indices."""
        atoms, slab = surface.slab.atoms.copy(), surface.slab.atoms
        least = self._book.settings.of(role, {**tags, "role": role.value, "key": key}).dft.min_distance
        for place in there:
            guest = adsorbate.atoms.copy()
            guest.positions = placed(adsorbate, slab, place)
            ratio = closest_ratio(adsorbate, guest.positions, slab)
            if ratio < least:
                raise InputError(
                    f"the adsorbate is {ratio:.2f} times the covalent radii from the slab but `dft.min_distance` is "
                    f"{least:g}; give another `height` or `rotation`"
                )
            atoms += guest
        return atoms, range(len(slab), len(atoms))

    def _repeated(self, key: str, tags: Tags, role: Role, where: SelectorSpec) -> Iterator[tuple[str, dict[str, str]]]:
        """Key and tags of each member that ``where`` selects, one a seed."""
        for number in range(self._spec.seeds):
            one = key if number == 0 else f"{key}-s{number}"
            own = dict(tags) if self._spec.seeds == 1 else {**tags, "seed": str(number)}
            chosen = where.selects({**own, "role": role.value, "key": one})
            self._selected[role.value] = chosen or self._selected.get(role.value, False)
            if chosen:
                yield one, own

    def remark_on_unselected(self) -> None:
        """Name each `where` that has selected nothing of what there was."""
        sections = {"adsorption": "relaxations", "path": "paths", "dynamics": "dynamics"}
        self._book.remarks += [
            f"`{sections[role]}.where` selects nothing; correct it, or take `{sections[role]}` out"
            for role, any_chosen in self._selected.items()
            if not any_chosen
        ]

    def _displaced(self, atoms: Atoms, added: Sequence[int], key: str) -> Atoms:
        """A copy whose free atoms are displaced at random, by seed and key; clean slabs stay as they are."""
        moved = atoms.copy()
        if not len(added) or not self._spec.displace:
            return moved
        fixed = atoms.constraints[0].index if atoms.constraints else ()
        free = np.setdiff1d(np.arange(len(atoms)), fixed)
        rng = np.random.default_rng(self._book.seed(key))
        moved.positions[free] += rng.normal(0.0, self._spec.displace, (len(free), 3))
        return moved
