"""What a run makes of other runs' labels, without a database."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from al_workflows import offline
from al_workflows.dft.single_point import single_point_in_process
from al_workflows.records import Label, LabelStatus, Request, VerdictKind
from al_workflows.results import RunResult
from al_workflows.sharing import (
    Lender,
    begins_with,
    evenly,
    fingerprint,
    known_structures,
    most_similar,
    of_one_kind,
)
from tests.bands import hop, neb_spec
from tests.builders import label, run_spec, slab

SHARING = run_spec(sharing={})


def relaxed(tmp_path: Path, start: Atoms, borrowed: tuple[Label, ...] = (), **changes: object) -> RunResult:
    return offline.run(run_spec(**changes), start, tmp_path, borrowed=borrowed)


def on_111(adsorbate: str = "O") -> Atoms:
    atoms = fcc111("Cu", (2, 2, 2), vacuum=6.0)
    add_adsorbate(atoms, adsorbate, 1.4, "fcc")
    atoms.pbc = (True, True, False)
    atoms.set_constraint(FixAtoms([atom.index for atom in atoms if atom.tag == 2]))
    return atoms


def test_a_run_that_learns_from_its_like_takes_fewer_calls(tmp_path: Path) -> None:
    first = relaxed(tmp_path / "first", slab(2.2, seed=1))
    alone = relaxed(tmp_path / "alone", slab(1.9, seed=2))
    shared = relaxed(tmp_path / "shared", slab(1.9, seed=2), first.labels, sharing={})
    assert shared.verdict.kind is alone.verdict.kind is VerdictKind.CONVERGED
    assert shared.dft_calls <= alone.dft_calls / 2
    assert shared.answer is not None
    assert alone.answer is not None
    assert abs(shared.answer.energy - alone.answer.energy) < 0.005  # type: ignore[operator]
    assert shared.cycles[0].dft_calls == 0  # the start was not asked for
    assert shared.summary()["borrowed"] == len(first.labels)
    assert shared.summary()["borrowed_from"] == 1


def test_what_another_facet_and_size_teach(tmp_path: Path) -> None:
    first = relaxed(tmp_path / "first", slab(2.2, seed=1, size=(2, 2, 3)))
    shared = relaxed(tmp_path / "shared", on_111(), first.labels, sharing={})
    alone = relaxed(tmp_path / "alone", on_111())
    assert shared.verdict.kind is VerdictKind.CONVERGED
    assert shared.dft_calls <= alone.dft_calls


def test_the_start_is_asked_for_where_it_is_not_known() -> None:
    there = (label(slab()),)
    assert begins_with(SHARING, slab(), there)
    assert not begins_with(run_spec(), slab(), there)  # not allowed to
    assert not begins_with(run_spec(sharing={"skip_start": False}), slab(), there)
    assert not begins_with(SHARING, on_111("N"), there)
    assert not begins_with(SHARING, slab(), (label(slab(), status=LabelStatus.CRASHED),))


def test_known_structures() -> None:
    start, own, other = slab(2.0), label(slab(1.8)), label(slab(1.5))
    assert known_structures(start, [], []) == []
    assert known_structures(start, [], [other])[0] is start
    assert [atoms.positions[-1, 2] for atoms in known_structures(start, [own], [other])] == [
        atoms.atoms.positions[-1, 2] for atoms in (own, other)
    ]
    assert len(known_structures(start, [own], [label(on_111())])) == 1  # another cell: nothing to compare


def test_labels_of_another_code_are_left_out_once_the_own_is_known(tmp_path: Path) -> None:
    first = relaxed(tmp_path / "first", slab(2.2, seed=1))
    foreign = label(slab())
    assert of_one_kind([foreign, *first.labels], []) == [foreign, *first.labels]
    assert foreign not in of_one_kind([foreign, *first.labels], first.labels)


def test_the_most_similar_lenders_come_first() -> None:
    wanted = fingerprint(slab())
    clean = slab()[:-1]
    lenders = [
        Lender("other-facet", fingerprint(on_111()), 5),
        Lender("clean", fingerprint(clean), 5),
        Lender("same", fingerprint(slab(1.7)), 5),
    ]
    assert [(lender.run, count) for lender, count in most_similar(wanted, lenders, 12)] == [
        ("same", 5),
        ("other-facet", 5),
        ("clean", 2),
    ]


def test_a_fingerprint_knows_neither_size_nor_order() -> None:
    one, large = slab(), slab().repeat((2, 1, 1))
    turned = large[np.random.default_rng(0).permutation(len(large))]
    for element, values in fingerprint(one).items():
        np.testing.assert_allclose(fingerprint(turned)[element], values, rtol=1e-9)


def test_evenly() -> None:
    labels = [label(slab()) for _ in range(10)]
    assert evenly(labels, 3) == [labels[0], labels[4], labels[9]]
    assert evenly(labels, 1) == [labels[9]]
    assert evenly(labels, 99) == labels


def by_emt(request: Request, directory: Path) -> Label:
    return single_point_in_process(request, EMT(), limit=SHARING.dft, directory=directory)


def test_a_failure_before_the_first_label_does_not_end_a_run_that_begins_on_others(tmp_path: Path) -> None:
    first = relaxed(tmp_path / "first", slab(2.2, seed=1))

    def broken_once(request: Request, directory: Path) -> Label:
        failed = request.key.endswith("/0001/00")
        return (
            label(request.atoms, 1, request=request, status=LabelStatus.CRASHED)
            if failed
            else by_emt(request, directory)
        )

    shared = offline.run(SHARING, slab(1.9, seed=2), tmp_path / "shared", broken_once, borrowed=first.labels)
    assert [one.ok for one in shared.labels[:2]] == [False, True]
    assert shared.verdict.kind is VerdictKind.CONVERGED


def test_only_failures_do_end_it(tmp_path: Path) -> None:
    first = relaxed(tmp_path / "first", slab(2.2, seed=1))

    def broken(request: Request, directory: Path) -> Label:
        return label(request.atoms, 1, request=request, status=LabelStatus.CRASHED)

    shared = offline.run(SHARING, slab(1.9, seed=2), tmp_path / "shared", broken, borrowed=first.labels)
    assert shared.verdict.kind is VerdictKind.FAILED
    assert "5 cycles in a row failed" in shared.verdict.reason


def test_a_path_learns_from_relaxations(tmp_path: Path) -> None:
    ends = hop(seed=0)
    spec = neb_spec(sharing={})
    alone = offline.run(neb_spec(), ends[0], tmp_path / "alone", by_emt, final=ends[1])
    lent = [relaxed(tmp_path / "end", ends[0]).labels[-1], *relaxed(tmp_path / "other", slab(2.0, seed=3)).labels]
    shared = offline.run(spec, ends[0], tmp_path / "shared", by_emt, final=ends[1], borrowed=lent)
    assert shared.verdict.kind is alone.verdict.kind is VerdictKind.CONVERGED
    assert [one.cycle for one in shared.labels[:2]] == [0, 0]  # both ends are asked for in any case
    assert abs(shared.summary()["barrier_eV"] - alone.summary()["barrier_eV"]) < 0.005
    assert shared.dft_calls <= alone.dft_calls + 2


def test_dynamics_learn_from_relaxations(tmp_path: Path) -> None:
    simulation = {"kind": "md", "temperature": 300, "steps": 30, "equilibration": 0}
    spec = run_spec(sharing={}, simulation=simulation, termination={"max_cycles": 2})
    lent = relaxed(tmp_path / "first", slab(2.2, seed=1)).labels
    shared = offline.run(spec, slab(1.0, seed=2), tmp_path / "md", by_emt, borrowed=lent)
    assert shared.labels[0].cycle == 0
    assert shared.summary()["borrowed"] == len(lent)
    assert shared.verdict.kind in (VerdictKind.CONVERGED, VerdictKind.BUDGET_SPENT)
