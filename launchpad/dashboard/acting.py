"""Do what was asked for on the dashboard, as the command line does it, and keep a log of it in the database.

An action takes up to minutes (SLURM's jobs end slowly): it goes on in a thread, and its page keeps itself true. The
connection that writes exists from its beginning to its end.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fireworks import LaunchPad
from fireworks.core.launchpad import LockedWorkflowError
from pymongo.errors import DuplicateKeyError, PyMongoError

from al_workflows.errors import AlWorkflowsError, InputError
from fw_specs.keys import ACTIONS
from launchpad import campaign_control, control
from launchpad.dashboard.possible import CANCEL, PAUSE, RERUN, RESUME, RUN
from launchpad.mongo_bootstrap import first_clause
from launchpad.settings import Source, connect
from launchpad.slurm_queue import SlurmQueue

#: s that whoever pressed the button waits for the outcome before they see that it goes on
MOMENT = 4.0
#: lines of an outcome that are kept
LINES = 500
BEGUN, DONE, REFUSED, FAILED = "begun", "done", "refused", "failed"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """What is to be done. ``once`` names this press of the button; ``where`` selects members of a campaign."""

    once: str
    who: str
    kind: str
    verb: str
    name: str
    where: Mapping[str, str]


def act(source: Source, asked: Asked, moment: float = MOMENT) -> None:
    """Log it, begin it, and wait for a moment; once for each ``once``, however often it is pressed.

    Raises
    ------
    EnvironmentProblem
        The database cannot be written: nothing was done.
    """
    launchpad = connect(source, start_local=False)
    document = {"_id": asked.once, "who": asked.who, "at": _now(), "kind": asked.kind, "verb": asked.verb}
    document |= {"name": asked.name, "where": dict(asked.where), "outcome": BEGUN, "lines": []}
    try:
        launchpad.db[ACTIONS].insert_one(document)
    except DuplicateKeyError:
        launchpad.connection.close()
        return
    except BaseException:
        launchpad.connection.close()
        raise
    # no daemon: a dashboard that is ended finishes what it was told to do
    thread = threading.Thread(target=_carry_out, args=(launchpad, asked), name=f"action {asked.once}")
    thread.start()
    thread.join(moment)


def _carry_out(launchpad: LaunchPad, asked: Asked) -> None:
    outcome, lines = FAILED, ["an error of the dashboard's own; its log has it"]
    try:
        lines = _function(asked)(launchpad)
        outcome = DONE
    except InputError as error:
        outcome, lines = REFUSED, [str(error)]
    except LockedWorkflowError as error:
        lines = [f"{error}; a worker is at it, or has left its lock behind: try again, or `alflow recover`"]
    except AlWorkflowsError as error:
        lines = [str(error)]
    except PyMongoError as error:
        lines = [f"the database does not answer: {first_clause(error)}; try again, it does no harm"]
    finally:
        shown = [*lines[:LINES], *([f"and {len(lines) - LINES} more lines"] if len(lines) > LINES else [])]
        found = {"outcome": outcome, "lines": shown, "ended": _now()}
        logger.info("%s of %s %s by %s: %s", asked.verb, asked.kind, asked.name, asked.who, outcome)
        try:
            launchpad.db[ACTIONS].update_one({"_id": asked.once}, {"$set": found})
        finally:
            launchpad.connection.close()


def _function(asked: Asked) -> Callable[[LaunchPad], list[str]]:
    """The call that the command line makes for this."""
    verb, name, where = asked.verb, asked.name, asked.where
    queue = SlurmQueue() if SlurmQueue.there() else None
    if asked.kind != RUN:
        return {
            PAUSE: lambda launchpad: campaign_control.pause(launchpad, name, where, queue),
            RESUME: lambda launchpad: campaign_control.resume(launchpad, name, where),
            CANCEL: lambda launchpad: campaign_control.cancel(launchpad, name, where, queue),
        }[verb]
    of_run: dict[str, Callable[[LaunchPad], control.Controlled]] = {
        PAUSE: lambda launchpad: control.pause(launchpad, name, queue),
        RESUME: lambda launchpad: control.resume(launchpad, name),
        CANCEL: lambda launchpad: control.cancel(launchpad, name, queue),
        RERUN: lambda launchpad: control.rerun(launchpad, name),
    }
    return lambda launchpad: list(of_run[verb](launchpad).lines)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def logged(database: Any, once: str) -> dict[str, Any] | None:
    """What is known of an action."""
    found = database[ACTIONS].find_one({"_id": once})
    return None if found is None else dict(found)
