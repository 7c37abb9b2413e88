"""From a campaign's specification to its members: bulks, facets, terminations, sites, adsorbates, in this order."""

from __future__ import annotations

from collections.abc import Callable

from ase import Atoms

from al_workflows.campaign.book import Book
from al_workflows.campaign.bulk_spec import BulkSpec
from al_workflows.campaign.bulks import Fetch, bulk_atoms
from al_workflows.campaign.crystal import Crystal, crystal
from al_workflows.campaign.facet import facet_name
from al_workflows.campaign.file import Campaign
from al_workflows.campaign.lattice_file import Lattices
from al_workflows.campaign.member import Role
from al_workflows.campaign.plan import Plan
from al_workflows.campaign.slabs import Cut, Cuts, build_slab, miller_indices
from al_workflows.campaign.surfaces import Surfaces
from al_workflows.errors import InputError
from al_workflows.structures import OVERLAP, describe_closest, min_distance_ratio

#: told how many facets are done, of how many, and how many members there are
Listener = Callable[[int, int, int], None]


def plan_campaign(campaign: Campaign, fetch: Fetch, listener: Listener = lambda done, of, members: None) -> Plan:
    """All members of a campaign, and what cannot be made.

    Parameters
    ----------
    campaign
        What to make.
    fetch
        Gives crystals of the Materials Project (:mod:`al_workflows.campaign.materials_project`).
    listener
        Told of each facet.

    Raises
    ------
    InputError
        The settings of a run break a rule. An entry that cannot be made is no error: it is in the plan, with its why.
    """
    book = Book(campaign)
    surfaces, lattices = Surfaces(book), Lattices(campaign)
    facets = [len(bulk.miller or campaign.spec.slabs.miller) for bulk in campaign.spec.bulks]
    for number, bulk in enumerate(campaign.spec.bulks):

        def told(done: int, before: int = sum(facets[:number])) -> None:
            listener(before + done, sum(facets), len(book.members))

        told(0)
        with book.entry(bulk.key):
            atoms = bulk_atoms(bulk, campaign.directory, fetch)
            _remark_on_moments(bulk, atoms, book)
            _bulk(bulk, crystal(lattices.applied(bulk, atoms), bulk.conventional), book, surfaces, told)
    surfaces.remark_on_unselected()
    return book.plan()


def _remark_on_moments(bulk: BulkSpec, atoms: Atoms, book: Book) -> None:
    """A magnetic metal that begins without moments stays without, and nobody would see it."""
    dft = book.settings.of(Role.SLAB, {}).dft
    if atoms.get_initial_magnetic_moments().any() and not bulk.magmoms and dft.kind != "emt":
        symbols = ", ".join(sorted(set(atoms.get_chemical_symbols())))
        book.remarks.append(
            f"bulk {bulk.key} comes with magnetic moments, which its slabs begin without; give `magmoms` of "
            f"{symbols}, 0 "
            "for none"
        )


def _bulk(bulk: BulkSpec, found: Crystal, book: Book, surfaces: Surfaces, told: Callable[[int], None]) -> None:
    spec = book.campaign.spec
    closest = min_distance_ratio(found.primitive)
    if closest.ratio < OVERLAP:
        raise InputError(f"bulk {bulk.key}: {describe_closest(found.primitive, closest)} which overlap; correct it")
    cuts = Cuts(found)
    for number, given in enumerate(bulk.miller or spec.slabs.miller, start=1):
        name = f"{bulk.key}-{facet_name(given)}"
        with book.entry(name):
            _facet(bulk, found, cuts, miller_indices(given, found), book, surfaces)
        told(number)


def _facet(
    bulk: BulkSpec, found: Crystal, cuts: Cuts, miller: tuple[int, int, int], book: Book, surfaces: Surfaces
) -> None:
    name, wanted = f"{bulk.key}-{facet_name(miller)}", book.campaign.spec.slabs.terminations
    before = cuts.equal
    different = cuts.along(miller)
    book.duplicates["terminations" if different else "facets"] += cuts.equal - before if different else 1
    if not different:
        return  # another facet of the file is the same
    for cut in different:
        if wanted == "all" or cut.termination in wanted:
            with book.entry(f"{name}-t{cut.termination}"):
                _slab(bulk, found, cut, book, surfaces)
    known = {cut.termination for cut in different}
    for number in () if wanted == "all" else wanted:
        if number not in known:
            why = f"there is no such termination but {', '.join(map(str, sorted(known)))}; correct `slabs.terminations`"
            book.skip(f"{name}-t{number}", why)


def _slab(bulk: BulkSpec, found: Crystal, cut: Cut, book: Book, surfaces: Surfaces) -> None:
    slab = build_slab(found, cut, book.campaign.spec.slabs, bulk.magmoms)
    tags = {"bulk": bulk.key, "miller": facet_name(cut.miller), "termination": str(cut.termination)}
    surfaces.add(f"{bulk.key}-{facet_name(cut.miller)}-t{cut.termination}", slab, tags)
