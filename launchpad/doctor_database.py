"""The doctor's look at the database: reachable, writable, indexed, and what workers left in it.

The write test makes and drops a collection of its own; nothing else is written.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator

from fireworks import LaunchPad
from pymongo.errors import OperationFailure, PyMongoError

from al_workflows.errors import AlWorkflowsError
from fw_specs.keys import RUN
from fw_specs.store import Store
from launchpad.connection import UNAUTHORIZED, open_launchpad
from launchpad.findings import Finding, fail, ok, warn
from launchpad.mongo_bootstrap import first_clause
from launchpad.mongo_status import MongoState
from launchpad.settings import Source, connection_document

#: oldest server that the client library and our queries are known to work with
OLDEST_SERVER = (4, 4)
#: s that a lock must outlive to count: an update of a workflow takes milliseconds
LOCK_LOOK = 0.5
#: s by which this machine's clock may differ from the database's; FireWorks compares times of both
CLOCK_WARN, CLOCK_FAIL = 5.0, 120.0
SCRATCH = "al_doctor"
#: h; workers seen since then are listed
LATELY = 24


def examine_database(source: Source, *, timeout_s: float = 5.0) -> list[Finding]:
    """All findings on the database of ``source``; a local one that is stopped is left so."""
    if source.local is not None:
        status = source.local.status()
        if status.state is MongoState.STOPPED:
            return [
                warn(
                    "database",
                    f"{source.address} is stopped, so it was not looked at",
                    "commands start it when they need it; or `alflow db start`",
                )
            ]
        if status.state is MongoState.UNHEALTHY:
            return [fail("database", f"{source.address}: {status.detail}", "`alflow db stop`, then `alflow db start`")]
    try:
        document = {"strm_lvl": "ERROR", **connection_document(source, start_local=False)}
        launchpad = open_launchpad(document, source.address, source.origin, timeout_s=timeout_s, prepare=False)
    except AlWorkflowsError as error:
        text, _, remedy = str(error).partition("; ")
        return [fail("database", text, remedy or "see the cause above")]
    with launchpad.connection:
        try:
            return list(_examine(launchpad, source))
        except PyMongoError as error:
            return [fail("database", f"{source.address}: {first_clause(error)}", "see the server's log")]


def _examine(launchpad: LaunchPad, source: Source) -> Iterator[Finding]:
    yield _server(launchpad, source)
    yield _replica_set(launchpad)
    yield _writes(launchpad)
    yield _indexes(launchpad)
    yield _clock(launchpad)
    yield _locks(launchpad)
    yield _lost_runs(launchpad)
    yield _fizzled(launchpad)
    yield _workers(launchpad)


def _server(launchpad: LaunchPad, source: Source) -> Finding:
    version = str(launchpad.connection.server_info()["version"])
    text = f"MongoDB {version}, {source.address}" + ("" if source.local else f" (from {source.origin})")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
        oldest = ".".join(str(part) for part in OLDEST_SERVER)
        return warn("database", text, f"it is older than {oldest}: ask for a newer server")
    return ok("database", text)


def _replica_set(launchpad: LaunchPad) -> Finding:
    name = launchpad.connection.admin.command("hello").get("setName")
    if name is None:
        return warn(
            "replica set",
            "the server is not a replica set, so a write that it confirmed can be lost in a crash",
            "ask for a replica set (one node is enough); `alflow db start` makes one",
        )
    return ok("replica set", str(name))


def _writes(launchpad: LaunchPad) -> Finding:
    try:
        launchpad.db[SCRATCH].insert_one({"at": datetime.datetime.now(datetime.UTC)})
        launchpad.db.drop_collection(SCRATCH)
    except PyMongoError as error:
        remedy = f"to submit and to work give the user the role readWrite on `{launchpad.db.name}`"
        if isinstance(error, OperationFailure) and error.code == UNAUTHORIZED:
            return warn("write access", f"user `{launchpad.username}` may only look at `{launchpad.db.name}`", remedy)
        return fail("write access", f"database `{launchpad.db.name}`: {first_clause(error)}", remedy)
    return ok("write access", f"database `{launchpad.db.name}`")


def _indexes(launchpad: LaunchPad) -> Finding:
    missing = []
    for collection, key in (("fireworks", "fw_id"), ("launches", "launch_id"), ("workflows", "nodes")):
        keys = [index["key"][0][0] for index in launchpad.db[collection].index_information().values()]
        if key not in keys:
            missing.append(f"{collection}({key})")
    if missing and launchpad.fireworks.find_one({}, {"_id": 1}) is None:
        return ok("indexes", "the database is empty; the first `alflow submit` or `alflow run` makes them")
    runs = Store(launchpad.db)
    if runs.run_ids():
        missing += runs.missing_indexes()
    if missing:
        return warn(
            "indexes",
            f"missing: {', '.join(missing)}; commands will be slow",
            "`lpad admin tuneup` makes FireWorks' own, the next `alflow submit` makes ours",
        )
    return ok("indexes", "all there")


def _clock(launchpad: LaunchPad) -> Finding:
    before = time.time()
    theirs = launchpad.connection.admin.command("hello")["localTime"].replace(tzinfo=datetime.UTC).timestamp()
    return clock_finding((before + time.time()) / 2 - theirs)


def clock_finding(ahead: float) -> Finding:
    """What to say of a clock that is ``ahead`` of the database's by so many seconds."""
    text = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the database's"
    if abs(ahead) >= CLOCK_WARN:
        remedy = "synchronise it (NTP): FireWorks tells lost workers by comparing times"
        return (fail if abs(ahead) >= CLOCK_FAIL else warn)("clock", text, remedy)
    return ok("clock", text)


def _locks(launchpad: LaunchPad) -> Finding:
    def locked() -> set[int]:
        return {min(found["nodes"]) for found in launchpad.workflows.find({"locked": {"$exists": True}}, {"nodes": 1})}

    before = locked()
    if before:
        time.sleep(LOCK_LOOK)  # most are only being updated
    stuck = sorted(before & locked()) if before else []
    if stuck:
        return warn(
            "locks",
            f"{len(stuck)} workflows stay locked (fw_id {_some(stuck)}): a worker died while it updated them",
            f"`lpad admin unlock -i {','.join(str(fw_id) for fw_id in stuck)}`",
        )
    return ok("locks", "no workflow is locked")


def _lost_runs(launchpad: LaunchPad) -> Finding:
    from fireworks.fw_config import RUN_EXPIRATION_SECS

    silence = int(RUN_EXPIRATION_SECS)
    lost, _, inconsistent = launchpad.detect_lostruns(expiration_secs=silence)
    if lost or inconsistent:
        return warn(
            "lost runs",
            f"{len(lost)} launches count as RUNNING but were silent for {silence} s; {len(inconsistent)} Fireworks "
            "do not fit their launches",
            f"`lpad detect_lostruns --time {silence} --rerun --refresh`",
        )
    return ok("lost runs", f"no RUNNING launch is silent for longer than {silence} s")


def _fizzled(launchpad: LaunchPad) -> Finding:
    runs = sorted(launchpad.fireworks.distinct(f"spec.{RUN}", {"state": "FIZZLED", f"spec.{RUN}": {"$exists": True}}))
    if runs:
        return warn(
            "stopped runs",
            f"{len(runs)} runs have a Firework that ended in an error: {_some(runs)}",
            f"`alflow status {runs[0]}` says why; mend it, then `lpad rerun_fws -s FIZZLED`",
        )
    return ok("stopped runs", "none")


def _workers(launchpad: LaunchPad) -> Finding:
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=LATELY)
    # FireWorks writes times as ISO 8601 text
    names = launchpad.launches.distinct("fworker.name", {"state_history.updated_on": {"$gte": since.isoformat()}})
    running = launchpad.launches.count_documents({"state": "RUNNING"})
    ready = launchpad.fireworks.count_documents({"state": "READY"})
    text = f"{len(names)} in the last {LATELY} h" + (f" ({_some(sorted(names))})" if names else "")
    text += f"; {running} Fireworks are running, {ready} are ready"
    if ready and not running:
        return warn("workers", text, "start one: `rlaunch rapidfire --nlaunches infinite --sleep 1`, or `qlaunch`")
    return ok("workers", text)


def _some(names: list[str] | list[int]) -> str:
    shown = ", ".join(str(name) for name in names[:5])
    return shown + (", …" if len(names) > 5 else "")
