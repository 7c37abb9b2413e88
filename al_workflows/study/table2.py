"""Table II: offline and online learning, with and without prior, beside plain DFT."""

from __future__ import annotations

from collections.abc import Sequence

from al_workflows.benchmark.peers import PEERS
from al_workflows.benchmark.tables import Table
from al_workflows.study import published
from al_workflows.study.arms import NO_PRIOR, Arm, fmax, online, ours, paper
from al_workflows.study.direct import direct, reference, the_one
from al_workflows.study.learned import learned
from al_workflows.study.rows import NOTES, by_arm, published_row
from al_workflows.study.study import Findings, Study, note
from al_workflows.study.systems import CARBON
from al_workflows.study.trial import Setting, Task, Trial

#: eV/Å of the peers
FMAX = 0.03
_LIMITS = {"termination": {"max_dft_calls": 60}}
_ONLINE = {"loop": {"kind": "online"}}
ARMS: dict[str, tuple[Arm, published.Published | None]] = {
    arm.name: (arm, word)
    for arm, word in [
        (paper("offline-0.03", "the paper's offline loop to 0.03 eV/Å", fmax(0.03), _LIMITS), published.OFFLINE_003),
        (paper("offline-0.05", "the same to 0.05 eV/Å", fmax(0.05), _LIMITS), published.OFFLINE_005),
        (
            paper("offline-no-prior-0.05", "the same without prior", fmax(0.05), _LIMITS, NO_PRIOR),
            published.OFFLINE_NO_PRIOR,
        ),
        (online("online-0.05", "online, five networks, at 0.05 eV/Å", 0.05, fmax(0.05)), published.ONLINE_005),
        (
            online("online-no-prior-0.05", "the same without prior", 0.05, fmax(0.05), NO_PRIOR),
            published.ONLINE_NO_PRIOR,
        ),
        (ours("default-0.03", "as a run file without further keys", fmax(0.03)), None),
        (ours("default-0.05", "the same to 0.05 eV/Å", fmax(0.05)), None),
        (
            ours(
                "default-force-only-0.03",
                "small forces are enough",
                fmax(0.03),
                {"simulation": {"confirm_minimum": "never"}},
            ),
            None,
        ),
        (ours("default-online-0.03", "defaults of `loop: {kind: online}`", fmax(0.03), _ONLINE), None),
        (ours("default-online-no-prior-0.03", "the same without prior", fmax(0.03), _ONLINE, NO_PRIOR), None),
    ]
}
_PEERS = ("BFGS-0.04", "BFGS", "GPMin")


def plan(setting: Setting) -> Sequence[Task]:
    """The reference, plain DFT, and every arm with every seed, from the paper's own start."""
    peers = [PEERS[name] for name in _PEERS]
    arms = [arm for arm, _ in ARMS.values()]
    return [
        *reference(CARBON, [0], setting.dft, setting.root),
        *direct([CARBON], peers, [0], FMAX, setting.dft, setting.root),
        *learned([CARBON], arms, setting.seeds, {"kind": "relaxation"}, setting.dft, setting.root),
    ]


def conclude(setting: Setting, trials: Sequence[Trial]) -> Findings:
    """The table."""
    true, words = the_one(trials, "reference"), {name: word for name, (_, word) in ARMS.items()}
    words["BFGS-0.04"] = published.DFT
    rows = [published_row(name, found, [true], words.get(name)) for name, found in by_arm(trials).items()]
    notes = (
        *NOTES,
        *note(setting),
        "Peers step from the same start without random numbers, so that one seed is all; BFGS-0.04 has the step of the "
        "published baseline.",
    )
    about = {f"arm `{name}`": arm.about for name, (arm, _) in ARMS.items()}
    return Findings([Table("Table II", rows, notes)], settings=about)


TABLE2 = Study("table2", "table II", "offline and online learning, C on Cu(100)", plan, conclude)
