"""What to do about a failure, in a sentence, and which failures are of one kind."""

from __future__ import annotations

import re

#: what failed: single points, runs that ended without an answer, Fireworks that stopped by an error, launches lost
POINTS, RUNS, STEPS, LOSSES = "points", "runs", "steps", "losses"
#: letters of a cause that are looked at
LONGEST = 600

#: (what failed, pattern of status or cause, what to do); the first that fits
_REMEDIES: tuple[tuple[str, str, str], ...] = (
    (
        POINTS,
        r"^scf_not_converged",
        "More `scf_retries` (a rung of the code's ladder each), softer mixing or more smearing in `dft`; of one "
        "far from the rest a smaller `simulation.trust_radius`. The run goes on without it.",
    ),
    (
        POINTS,
        r"^geometry_rejected.*force on atom",
        "DFT finds absurd forces there: nothing to do if they are few, the query keeps away; else a smaller "
        "`simulation.trust_radius`.",
    ),
    (
        POINTS,
        r"^geometry_rejected",
        "Nothing to do if they are few: the query keeps away from there. Of a start: mend the structure, or lower "
        "`dft.min_distance` if atoms really are so close.",
    ),
    (
        POINTS,
        r"^timed_out",
        "A larger `dft.timeout`, more cores (`--dft-ntasks`), or a smaller cell; it was tried `max_attempts` times.",
    ),
    (
        POINTS,
        r"lost .* before it ended",
        "Its jobs were lost five times: a longer walltime or more memory; then remove its `label.json` and attempts.",
    ),
    (
        POINTS,
        r"SIGKILL|out of memory|oom|MemoryError",
        "Out of memory, most likely: more memory for the job (`alflow init --dft-mem`), or fewer k-points per core.",
    ),
    (
        POINTS,
        r"pseudo|readpp|POTCAR|setup.*not found|checksum",
        "A pseudopotential or setup is not the one that was named: look at `pseudo_dir`, `ESPRESSO_PSEUDO`, "
        "`VASP_PP_PATH`, `GPAW_SETUP_PATH` on the node; `alflow doctor` does.",
    ),
    (
        POINTS,
        r"^crashed",
        "The code's own output is in `attempt_<n>` of the label's directory; run that input by hand where it ran.",
    ),
    (
        POINTS,
        r"^unreadable",
        "The code ended without numbers that count: its output is in `attempt_<n>`; often its walltime, disk or memory "
        "ran out.",
    ),
    (
        RUNS,
        r"^BUDGET_SPENT.*cycles were run",
        "A larger `termination.max_cycles`, which makes another run; its labels are taken over where they fit.",
    ),
    (
        RUNS,
        r"^BUDGET_SPENT",
        "A larger `termination.max_dft_calls`, which makes another run; its labels are taken over where they fit.",
    ),
    (RUNS, r"DFT failed on the starting structure", "Mend the start or the DFT settings: see the label's directory."),
    (
        RUNS,
        r"every single point of",
        "The DFT settings do not suit these structures: see the failed single points above for status and cause.",
    ),
    (
        RUNS,
        r"a fragment|in a row\); look whether",
        "What was asked about does not hold together on this surface: compare the ends or the start; dynamics "
        "colder or shorter.",
    ),
    (
        RUNS,
        r"no path to tell a barrier of",
        "The reason's last words say what to give instead: ends that relax into different minima, more images, or a "
        "structure on the way.",
    ),
    (
        RUNS,
        r"^STALLED.*brought no label",
        "Nothing new could be labelled: see what failed; a smaller `simulation.trust_radius`, other first structures.",
    ),
    (
        RUNS,
        r"^STALLED",
        "A smaller `simulation.trust_radius`, or other first structures; the reason counts what failed.",
    ),
    (RUNS, r"", "See the run's cycles for what each of them brought, and its failed single points."),
    (
        STEPS,
        r"\[Errno (28|122)\]|[Nn]o space|quota",
        "The disk is full or a quota used up: give space. It is tried again by itself within ten minutes.",
    ),
    (
        STEPS,
        r"AutoReconnect|ConnectionFailure|NetworkTimeout|NotPrimary|ServerSelection|WaitQueueTimeout|ExecutionTimeout",
        "The database was away. `alflow supervise` and `alflow run` run it again by themselves, or `alflow recover`.",
    ),
    (
        STEPS,
        r"KeyboardInterrupt|SystemExit|LockedWorkflowError|MemoryError|worker was lost|not written down",
        "It ended with the machine: `alflow recover`, or `alflow supervise`, which does so in every round.",
    ),
    (
        STEPS,
        r"EnvironmentProblem",
        "The node lacks what the line names: mend that there, then `alflow recover` or rerun.",
    ),
    (
        STEPS,
        r"ModuleNotFoundError|ImportError|could not even be read",
        "A package is missing where the worker runs: install al-workflows with the extras of your DFT code; rerun.",
    ),
    (
        STEPS,
        r"InputError",
        "A mistake in the input or an edited record, as the line says: mend it, then `alflow rerun RUN`.",
    ),
    (STEPS, r"RecordMissing", "A record was removed: rerun the Firework that makes it (`lpad rerun_fws`)."),
    (STEPS, r"", "Not foreseen: `alflow status RUN` has the whole line; after mending the cause `alflow rerun RUN`."),
    (
        LOSSES,
        r"TIMEOUT|DEADLINE",
        "Its job ran into the walltime: a longer one (`alflow init --dft-walltime`), or shorter steps.",
    ),
    (LOSSES, r"OUT_OF_MEMORY", "Its job used more memory than it asked for: more of it (`alflow init --dft-mem`)."),
    (LOSSES, r"NODE_FAIL|BOOT_FAIL", "A node failed: nothing to do unless it is always the same one."),
    (
        LOSSES,
        r"CANCELLED|PREEMPTED",
        "Its job was cancelled from outside or preempted: nothing to do unless it goes on so.",
    ),
    (
        LOSSES,
        r"before it began|never submitted",
        "The queue did not start its job: look at `squeue` and the job's own log.",
    ),
    (
        LOSSES,
        r"not heard of",
        "Its worker fell silent: a node that is gone, or pings that cannot reach the database; it was run again.",
    ),
    (LOSSES, r"", "It was run again by itself, five times at most; look at the worker's log if it goes on so."),
)
_COMPILED = tuple((kind, re.compile(pattern, re.DOTALL), remedy) for kind, pattern, remedy in _REMEDIES)

_KEY = re.compile(r"[\w.+-]+/\d{4}(?:/\d\d)?\b")
_PATH = re.compile(r"(?<![\w<])(?:~|\.{0,2})/[^\s:;,()'\"`]+")
_HEX = re.compile(r"\b(?=\w*\d)[0-9a-f]{8,}\b")
_ELEMENT = re.compile(r"(atom \d+) \([A-Z][a-z]?\)")
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]*\w)")
_ERRNO = re.compile(r"\[Errno \d+\]|exit status \d+")


def remedy(kind: str, cause: str) -> str:
    """What to do about ``cause``, which begins with the status of a point or the verdict of a run."""
    return next(what for of, pattern, what in _COMPILED if of == kind and pattern.search(cause[:LONGEST]))


def alike(cause: str) -> str:
    """``cause`` without what differs between failures of one kind: numbers, elements, paths, keys and checksums.

    Numbers of errors and exit statuses stay: they are the cause.
    """
    said = _PATH.sub("…", _KEY.sub("…", " ".join(cause[:LONGEST].split())))
    said = _HEX.sub("…", _ELEMENT.sub(r"\1", said))
    pieces, place = [], 0
    for kept in _ERRNO.finditer(said):
        pieces += [_NUMBER.sub("…", said[place : kept.start()]), kept.group()]
        place = kept.end()
    return "".join([*pieces, _NUMBER.sub("…", said[place:])])
