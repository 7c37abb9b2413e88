"""Records in MongoDB: every write is an upsert under a key of its own, so every task may run twice."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gridfs
from ase import Atoms
from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from al_workflows.errors import InputError, RecordMissing
from al_workflows.history import RunHistory
from al_workflows.potential import Potential, dump, load
from al_workflows.records import Cycle, Label, Pool, Rejection, Selection, Verdict, VerdictKind, atoms_to_dict
from al_workflows.results import RunResult
from al_workflows.simulations.displacement import asks_for_curvature
from al_workflows.spec import RunSpec
from al_workflows.versions import installed_versions
from fw_specs.indexes import FIRST_CYCLES, INDEXES
from fw_specs.keys import BLOBS, CYCLES, LABELS, LENDS, MODELS, POOLS, RUNS, cycle_id
from fw_specs.lending import borrowed_keys, lends
from fw_specs.stored_run import StoredRun as StoredRun
from fw_specs.stored_run import stored_run

Document = dict[str, Any]


class Store:
    """The project's collections in the database of a LaunchPad."""

    def __init__(self, database: Database[Document]) -> None:
        self._db = database
        self._blobs = gridfs.GridFS(database, BLOBS)

    def ensure_indexes(self) -> None:
        """Create what the look-ups below need; harmless to repeat."""
        for collection, keys in INDEXES:
            self._db[collection].create_index([(key, ASCENDING) for key in keys])
        # one workflow begins with one cycle of a run, whoever submits at the same time
        self._db["workflows"].create_index(
            [(key, ASCENDING) for key in FIRST_CYCLES],
            unique=True,
            partialFilterExpression={FIRST_CYCLES[0]: {"$exists": True}},
        )

    def missing_indexes(self) -> list[str]:
        """Those of the above that are not there, as ``collection(keys)``."""
        missing = []
        for collection, keys in (*INDEXES, ("workflows", FIRST_CYCLES)):
            there = [
                tuple(key for key, _ in index["key"]) for index in self._db[collection].index_information().values()
            ]
            if keys not in there:
                missing.append(f"{collection}({', '.join(keys)})")
        return missing

    # --- runs -----------------------------------------------------------------------------------------------------

    def add_run(
        self,
        run: str,
        spec: RunSpec,
        start: Atoms,
        directory: Path,
        final: Atoms | None = None,
        mark: Mapping[str, Any] | None = None,
    ) -> bool:
        """Store a new run; False if one of that id is already there (its content is the same: the id is a hash)."""
        document = {
            "_id": run,
            "spec": spec.model_dump(mode="json"),
            "start": atoms_to_dict(start),
            "final": None if final is None else atoms_to_dict(final),
            "directory": str(directory),
            "created": datetime.datetime.now(datetime.UTC),
            "versions": installed_versions(),
            LENDS: lends(spec, start),
            **({"mark": dict(mark)} if mark else {}),
        }
        try:
            self._db[RUNS].insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    def run(self, run: str) -> StoredRun:
        """The run of that id.

        Raises
        ------
        InputError
            There is none, or the name fits several.
        """
        document = self._db[RUNS].find_one({"_id": run})
        if document is None:
            raise InputError(f"run {run!r} is not in this database; `alflow status` lists the runs that are")
        return stored_run(document)

    def intact_run(self, run: str) -> StoredRun:
        """The run of that id, for those who go on with it.

        Raises
        ------
        InputError
            There is none, or its record is not the one that was submitted: two kinds of numbers would be mixed.
        """
        found = self.run(run)
        if found.edited:
            raise InputError(
                f"the record of run {run} was changed in the database: its settings and structure no longer give the "
                "id that they gave; undo the change, or submit the changed settings as a run of their own"
            )
        return found

    def dft_settings(self, run: str) -> Document | None:
        """The ``dft:`` part of a run as it was submitted; None if that run is not here."""
        document = self._db[RUNS].find_one({"_id": run}, {"spec.dft": 1})
        return None if document is None else dict(document["spec"]["dft"])

    def find_run(self, name: str) -> str:
        """The id of the one run whose id is ``name`` or begins with it.

        Raises
        ------
        InputError
            None fits, or several do.
        """
        if self._db[RUNS].find_one({"_id": name}, {"_id": 1}) is not None:
            return name
        found = [str(run) for run in self.run_ids() if run.startswith(name)]
        if not found:
            raise InputError(f"run {name!r} is not in this database; `alflow status` lists the runs that are")
        if len(found) > 1:
            raise InputError(f"run {name!r} fits {len(found)} runs ({', '.join(found[:5])}); write one out")
        return found[0]

    def targets(self) -> dict[str, float | None]:
        """The force at which each run is done (eV/Å; None: it is judged otherwise), the oldest run first."""
        found = self._db[RUNS].find({}, {"spec.simulation.fmax": 1}).sort("created", ASCENDING)
        return {document["_id"]: document["spec"]["simulation"].get("fmax") for document in found}

    def run_ids(self) -> list[str]:
        """Ids of all runs, the oldest first."""
        return [document["_id"] for document in self._db[RUNS].find({}, {"_id": 1}).sort("created", ASCENDING)]

    def hold(self, run: str, state: str | None) -> None:
        """Have what the run appends from now on in ``state`` (PAUSED, DEFUSED); None: let it go on."""
        self._db[RUNS].update_one({"_id": run}, {"$set": {"held": state}})

    def held(self) -> dict[str, str]:
        """The runs that are held, and in which state."""
        return {one["_id"]: one["held"] for one in self._db[RUNS].find({"held": {"$ne": None}}, {"held": 1})}

    # --- labels ---------------------------------------------------------------------------------------------------

    def put_label(self, run: str, label: Label) -> None:
        """Store one single point's answer."""
        self._put(LABELS, label.key, {"run": run, "cycle": label.cycle, "index": label.index, **label.to_dict()})

    def labels(self, run: str, below: int | None = None) -> tuple[Label, ...]:
        """The run's labels in the order of asking, those of cycles before ``below`` only if it is given."""
        where: Document = {"run": run} if below is None else {"run": run, "cycle": {"$lt": below}}
        found = self._db[LABELS].find(where).sort([("cycle", ASCENDING), ("index", ASCENDING)])
        return tuple(Label.from_dict(document) for document in found)

    def label(self, key: str) -> Label | None:
        """The label of that key."""
        document = self._db[LABELS].find_one({"_id": key})
        return None if document is None else Label.from_dict(document)

    # --- cycles ---------------------------------------------------------------------------------------------------

    def put_selection(self, run: str, cycle: int, selection: Selection) -> None:
        """Store what the cycle asks of DFT."""
        self._update_cycle(run, cycle, {"selection": selection.to_dict()})

    def selection(self, run: str, cycle: int) -> Selection | None:
        """What the cycle asks of DFT, or None before its query ran."""
        document = self._db[CYCLES].find_one({"_id": cycle_id(run, cycle)}) or {}
        return Selection.from_dict(document["selection"]) if "selection" in document else None

    def put_seconds(self, run: str, cycle: int, step: str, seconds: float) -> None:
        """Store a step's wall time, s."""
        self._update_cycle(run, cycle, {f"seconds.{step}": seconds})

    def seconds(self, run: str, cycle: int) -> dict[str, float]:
        """Wall time by step, s."""
        document = self._db[CYCLES].find_one({"_id": cycle_id(run, cycle)}) or {}
        return dict(document.get("seconds", {}))

    def put_cycle(self, run: str, cycle: Cycle) -> None:
        """Store what the check made of a cycle."""
        self._update_cycle(run, cycle.index, {"closed": cycle.to_dict()})

    def cycles(self, run: str, below: int | None = None) -> tuple[Cycle, ...]:
        """The run's checked cycles in order, those before ``below`` only if it is given."""
        where: Document = {"run": run, "closed": {"$exists": True}}
        if below is not None:
            where["cycle"] = {"$lt": below}
        found = self._db[CYCLES].find(where, {"closed": 1}).sort("_id", ASCENDING)
        return tuple(Cycle.from_dict(document["closed"]) for document in found)

    def cycles_by_run(self, runs: Sequence[str] | None = None) -> dict[str, list[Cycle]]:
        """The checked cycles of ``runs`` (None: of every run), in order."""
        cycles: dict[str, list[Cycle]] = {}
        where: Document = {"closed": {"$exists": True}} | ({} if runs is None else {"run": {"$in": list(runs)}})
        for document in self._db[CYCLES].find(where, {"run": 1, "closed": 1}).sort("_id", ASCENDING):
            cycles.setdefault(document["run"], []).append(Cycle.from_dict(document["closed"]))
        return cycles

    def result(self, run: str) -> RunResult | None:
        """The run's result, or None while it goes on."""
        cycles = self.cycles(run)
        if not cycles or cycles[-1].verdict.kind is VerdictKind.CONTINUE:
            return None
        verdict: Verdict = cycles[-1].verdict
        spec = self.run(run).spec
        band = self._last_band(run, cycles) if spec.simulation.kind == "neb" else None
        lent = tuple(borrowed_keys(self._db, run))
        return RunResult(run, spec.seed, verdict, cycles, self.labels(run), spec.simulation.kind, band, lent)

    def _last_band(self, run: str, cycles: Sequence[Cycle]) -> Pool | None:
        pools = (self.pool(run, cycle.index) for cycle in reversed(cycles))
        return next((pool for pool in pools if pool is not None and not asks_for_curvature(pool)), None)

    def history(self, run: str, pools: Mapping[int, Pool] | None = None) -> RunHistory:
        """All that is known of the run, finished or not; ``pools`` by cycle where the caller has them (None: all)."""
        stored, cycles = self.run(run), self.cycles(run)
        if pools is None:
            found = {cycle: self.pool(run, cycle) for cycle in self._db[CYCLES].distinct("cycle", {"run": run})}
            pools = {cycle: pool for cycle, pool in found.items() if pool is not None}
        verdict = cycles[-1].verdict if cycles else None
        return RunHistory(
            run=run,
            spec=stored.spec,
            start=stored.start,
            cycles=cycles,
            labels=self.labels(run),
            pools=pools,
            rejected=self._rejected(run),
            state=verdict.kind.value if verdict and verdict.kind is not VerdictKind.CONTINUE else "UNFINISHED",
            remark=verdict.reason if verdict else "no cycle has been checked yet",
            created=f"{stored.created:%Y-%m-%d %H:%M} UTC",
            versions=stored.versions,
            final=stored.final,
            borrowed=tuple(borrowed_keys(self._db, run)),
        )

    def _rejected(self, run: str) -> dict[int, tuple[Rejection, ...]]:
        found = self._db[CYCLES].find(
            {"run": run, "selection": {"$exists": True}}, {"cycle": 1, "selection.rejected": 1}
        )
        return {
            one["cycle"]: tuple(Rejection.from_dict(each) for each in one["selection"].get("rejected", ()))
            for one in found.sort("_id", ASCENDING)
        }

    # --- blobs ----------------------------------------------------------------------------------------------------

    def put_potential(self, run: str, cycle: int, potential: Potential) -> None:
        """Store the cycle's potential with its training's metrics beside it."""
        self._put_blob(MODELS, run, cycle, dump(potential), {"metrics": potential.metrics.to_dict()})

    def potential(self, run: str, cycle: int) -> Potential | None:
        """The cycle's potential, if it is trained."""
        data = self._blob(MODELS, run, cycle)
        return None if data is None else load(data)

    def last_potential(self, run: str) -> Potential | None:
        """The run's newest potential, if it has trained one."""
        found = self._db[MODELS].find_one({"run": run}, {"cycle": 1}, sort=[("cycle", DESCENDING)])
        return None if found is None else self.potential(run, found["cycle"])

    def has_potential(self, run: str, cycle: int) -> bool:
        """Whether the cycle's potential is trained."""
        return self._db[MODELS].find_one({"_id": cycle_id(run, cycle)}, {"_id": 1}) is not None

    def put_pool(self, run: str, cycle: int, pool: Pool) -> None:
        """Store the cycle's pool."""
        about = {"frames": len(pool), "stop_reason": pool.stop_reason.value, "stop_detail": pool.stop_detail}
        self._put_blob(POOLS, run, cycle, pool.to_bytes(), about)

    def pool(self, run: str, cycle: int) -> Pool | None:
        """The cycle's pool, if its simulation has run."""
        data = self._blob(POOLS, run, cycle)
        return None if data is None else Pool.from_bytes(data)

    def has_pool(self, run: str, cycle: int) -> bool:
        """Whether the cycle's simulation has run."""
        return self._db[POOLS].find_one({"_id": cycle_id(run, cycle)}, {"_id": 1}) is not None

    # --- below ----------------------------------------------------------------------------------------------------

    def _collection(self, name: str) -> Collection[Document]:
        return self._db[name]

    def _put(self, collection: str, key: str, document: Mapping[str, Any]) -> None:
        self._collection(collection).replace_one({"_id": key}, dict(document), upsert=True)

    def _update_cycle(self, run: str, cycle: int, values: Document) -> None:
        self._collection(CYCLES).update_one(
            {"_id": cycle_id(run, cycle)}, {"$set": {"run": run, "cycle": cycle, **values}}, upsert=True
        )

    def _put_blob(self, collection: str, run: str, cycle: int, data: bytes, about: Document) -> None:
        """The file first, then the document that names it: a reader never sees half a blob."""
        key = cycle_id(run, cycle)
        before = self._collection(collection).find_one({"_id": key}, {"file": 1})
        file = self._blobs.put(data, filename=f"{collection}/{key}")
        self._put(collection, key, {"run": run, "cycle": cycle, "file": file, **about})
        if before is not None:
            self._blobs.delete(before["file"])

    def _blob(self, collection: str, run: str, cycle: int) -> bytes | None:
        document = self._collection(collection).find_one({"_id": cycle_id(run, cycle)}, {"file": 1})
        if document is None:
            return None
        try:
            return bytes(self._blobs.get(document["file"]).read())
        except gridfs.NoFile as error:
            raise RecordMissing(
                f"the blob of {collection}/{cycle_id(run, cycle)} is missing; rerun the Firework that makes it "
                "(`lpad rerun_fws`)"
            ) from error
