"""Open FireWorks' LaunchPad: ask quickly whether the database is there, say clearly if not, prepare an empty one."""

from __future__ import annotations

from typing import Any

from fireworks import LaunchPad
from pymongo.errors import (
    ConfigurationError,
    DuplicateKeyError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from al_workflows.errors import EnvironmentProblem, InputError
from launchpad.mongo_bootstrap import first_clause

AUTHENTICATION_FAILED = 18
UNAUTHORIZED = 13
ASSIGNER_ID = -1  # the one document from which FireWorks draws its ids


def open_launchpad(
    document: dict[str, Any],
    address: str,
    origin: str,
    *,
    timeout_s: float,
    prepare: bool = True,
    patient: bool = True,
) -> LaunchPad:
    """Connect, and make the database usable for FireWorks if it is empty.

    Parameters
    ----------
    document
        FireWorks' connection parameters.
    address
        The database in words, without secrets.
    origin
        What chose this database, for messages.
    timeout_s
        How long the database may take to answer the first time (s).
    prepare
        Whether the caller will write: an empty database is made usable then, and a user who may only read is refused.
        Without it nothing is written.
    patient
        Whether the LaunchPad that is returned waits as long as `document` says; else it does so for ``timeout_s``.

    Raises
    ------
    EnvironmentProblem
        When the database does not answer or does not let the user in.
    InputError
        When the parameters are not valid.
    """
    limit = max(1, int(1000 * timeout_s))
    options = document.get("mongoclient_kwargs") or {}
    hasty = {**options, "serverSelectionTimeoutMS": limit, "connectTimeoutMS": limit}
    where = f"the database at {address} (from {origin})"
    try:
        launchpad = LaunchPad.from_dict({**document, "mongoclient_kwargs": hasty})
        with launchpad.connection:
            launchpad.connection.admin.command("ping")
            if prepare:
                _prepare(launchpad)
        if patient:
            return LaunchPad.from_dict(document)
        # an answer may take longer to come whole than to begin
        hasty["socketTimeoutMS"] = 4 * limit
        return LaunchPad.from_dict({**document, "mongoclient_kwargs": hasty})
    except ServerSelectionTimeoutError as error:
        raise EnvironmentProblem(
            f"{where} did not answer within {timeout_s:g} s: {first_clause(error)}; start it, or check host, port, "
            "firewall and TLS options"
        ) from error
    except OperationFailure as error:
        raise _refused(error, document, where) from None
    except (ConfigurationError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split()).removesuffix(".")[:200]
        raise InputError(f"the connection parameters of {where} are not valid: {reason}; correct {origin}") from None
    except (PyMongoError, OSError) as error:
        reason = first_clause(error) if isinstance(error, PyMongoError) else str(error)
        raise EnvironmentProblem(f"{where} cannot be used: {reason}") from error


def _refused(error: OperationFailure, document: dict[str, Any], where: str) -> EnvironmentProblem:
    user = document.get("username")
    if error.code == AUTHENTICATION_FAILED:
        return EnvironmentProblem(
            f"authentication failed for user `{user}` at {where}: check user, password and authSource (now "
            f"`{document.get('authsource') or document.get('name')}`)"
        )
    if error.code == UNAUTHORIZED:
        return EnvironmentProblem(
            f"user `{user}` may not use `{document.get('name')}` of {where}: it needs the role readWrite on that "
            "database (read is enough for status, show, report, export and doctor)"
        )
    return EnvironmentProblem(f"{where} refused: {first_clause(error)}")


def _prepare(launchpad: LaunchPad) -> None:
    """Make FireWorks' indexes and its counter of ids, unless they are there; never touch what is stored.

    The counter comes last: where it exists, the indexes were made.
    """
    # matches nothing and changes nothing, but MongoDB asks whether it might
    launchpad.fw_id_assigner.update_one({"_id": {"$in": []}}, {"$unset": {"nothing": 1}})
    if launchpad.fw_id_assigner.find_one({}, {"_id": 1}) is not None:
        return
    launchpad.tuneup()
    counters = {
        "next_fw_id": 1 + _largest(launchpad.fireworks, "fw_id"),
        "next_launch_id": 1 + _largest(launchpad.launches, "launch_id"),
    }
    try:
        launchpad.fw_id_assigner.insert_one({"_id": ASSIGNER_ID, **counters})
    except DuplicateKeyError:  # somebody else was as quick
        return


def _largest(collection: Any, key: str) -> int:
    document = collection.find_one({}, {key: 1}, sort=[(key, -1)])
    return int(document[key]) if document else 0
