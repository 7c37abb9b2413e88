"""When the job ends that this process is part of."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping

from launchpad.slurm_queue import QueueProblem, run_command

logger = logging.getLogger("alflow.worker")


def end_of_job(environ: Mapping[str, str]) -> float | None:
    """The end of the SLURM job by its walltime, s since 1970; None outside a job, or if it has no end.

    SLURM says it in ``SLURM_JOB_END_TIME``, before version 22.05.9 by `squeue` alone.
    """
    if (said := environ.get("SLURM_JOB_END_TIME", "")).isdigit():
        return float(said)
    job = environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    try:
        text = run_command("squeue", "--noheader", "--jobs", job, "--format", "%e").strip()
        return datetime.datetime.fromisoformat(text).timestamp()
    except (QueueProblem, ValueError) as problem:  # N/A, Unknown: no limit
        logger.warning("the end of job %s is not known (%s): it will not be kept", job, problem)
        return None
