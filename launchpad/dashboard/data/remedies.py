"""What to do about what went wrong, in a sentence: of single points by how they ended, of Fireworks by their error."""

from __future__ import annotations

from al_workflows.records import LabelStatus
from launchpad.fizzled import is_outage

_BY_STATUS = {
    LabelStatus.SCF_NOT_CONVERGED: "The run goes on without it and keeps away from such structures. If many end like "
    "this, raise dft.scf_retries, or take settings that converge more easily (smearing, mixing) and submit anew.",
    LabelStatus.GEOMETRY_REJECTED: "The run goes on without it and keeps away from such structures. If many end like "
    "this, lower simulation.trust_radius; dft.min_distance is what the gate asks for.",
    LabelStatus.TIMED_OUT: "The run goes on without it. If it was nearly done, raise dft.timeout or give the dft step "
    "more cores under resources.",
    LabelStatus.CRASHED: "The run goes on without it. The end of the code's output says why; if it was the machine "
    "(lost, out of memory), give the dft step more under resources.",
    LabelStatus.UNREADABLE: "The run goes on without it. Look at whether the code's output is whole: a full disk, or "
    "two versions of the code, leave such files.",
}


def of_status(status: LabelStatus) -> str:
    """Of a single point; empty of one that was accepted."""
    return _BY_STATUS.get(status, "")


def of_firework(run: str, cause: str | None, last: str) -> str:
    """Of a Firework that fizzled.

    Parameters
    ----------
    cause
        The machine's (:func:`~launchpad.fizzled.machine_cause`); None where a rerun would repeat it.
    last
        The line that names the exception.
    """
    if is_outage(last):
        return "An outage: give space on the disk, or the database back; alflow supervise and alflow run wait for that."
    if cause is not None:
        return "The machine's fault: alflow supervise runs it again by itself; alflow recover does it now."
    return f"A rerun would end the same way: mend the cause first, then alflow rerun {run}"
