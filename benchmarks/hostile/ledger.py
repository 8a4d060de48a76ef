"""Damages the ledger: broken files, and intact ones whose rows hold something else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmarks.hostile.mutation import damaged, junk, misshapen, scalars
from benchmarks.hostile.target import Target
from study.matrix import arms
from study.orchestration.status import status
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec
from study.store.ledger import Ledger

RECORD = RunRecord(
    spec=RunSpec(arm=arms()[0], purpose=Purpose.FINAL, seed=1, hyper=HyperParams(lr=0.01), rung=4_000),
    state=RunState.FINISHED,
    samples_seen=4_000,
    val_accuracy=0.7,
    test_accuracy=0.7,
    train_seconds=1.25,
    history=(
        EvaluationPoint(samples_seen=4_000, seconds=1.25, train_loss=0.1, val_accuracy=0.7, val_loss=0.2),
    ),
)
_RUN_ID = RECORD.spec.run_id
FACTS: dict[str, Any] = {
    "fingerprint": "0123456789abcdef",
    "used_seconds": 61.5,
    "running": [{"name": RECORD.spec.name, "since": 1_800_000_000.5}],
    "plan": {
        "budget_seconds": 120.0,
        "used_seconds": 61.5,
        "reserve_seconds": 40.0,
        "champion_seconds": 20.0,
        "side_seconds": 0.0,
        "extension_seconds": 0.0,
        "grown": False,
        "workers": 2,
        "step_seconds": 30.0,
        "worker_seconds": 123.0,
        "speeds": {
            "vgg11": {
                "train": 100.0,
                "inference": 300.0,
                "build": 0.1,
                "head": 6e4,
                "tail": 1.3,
                "train_small": 0.0,
            }
        },
        "decisions": {
            "vgg11": {
                "least_rung": 4_000,
                "trial_rung": 4_000,
                "batch_size": 64,
                "rung": 8_000,
                "seeds": 1,
                "trials": 0,
                "needs_seconds": None,
            }
        },
        "left_out": [{"what": "3 seeds", "needs_seconds": 900.0}],
        "phases": [{"phase": "setup", "predicted_seconds": None, "actual_seconds": 3.0}],
        "rows": [
            {
                "run_id": _RUN_ID,
                "rung": 4_000,
                "phase": "final",
                "arm": RECORD.spec.arm.name,
                "model": "vgg11",
                "init": "pretrained",
                "scope": "frozen",
                "predicted_seconds": 1.0,
                "predicted_p95_seconds": 1.3,
                "unscaled_seconds": 1.0,
                "actual_seconds": 1.3,
                "state": "finished",
                "reason": "",
            }
        ],
    },
    "baselines": [
        {
            "name": "chance",
            "train_images": 4_000,
            "test_images": 10_000,
            "test_accuracy": 0.1,
            "seconds": 0.0,
        }
    ],
}
_TABLES = ("facts", "runs", "events")


def write_ledger(path: Path) -> None:
    """Writes a ledger of one finished run."""
    ledger = Ledger(path)
    for name, value in FACTS.items():
        ledger.set_fact(name, value)
    ledger.commit(RECORD)
    ledger.add_event("cuda_missing", "CUDA is not available")
    ledger.close()


def target(folder: Path) -> Target:
    path = folder / "ledger.sqlite"
    write_ledger(path)
    good = path.read_bytes()

    def attempt(case: tuple[str, Any]) -> None:
        kind, value = case
        for ending in ("-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        path.write_bytes(value if kind == "file" else good)
        if kind != "file":
            _alter(path, kind, value)
        read(folder)

    facts = st.sampled_from(tuple(FACTS)).flatmap(
        lambda name: st.tuples(st.just(name), misshapen(FACTS[name]) | junk)
    )
    column = st.sampled_from(("run_id", "rung", "state", "record", "position"))
    return Target(
        name="ledger (SQLite)",
        cases=st.tuples(st.just("file"), damaged(st.just(good)) | st.binary(max_size=200))
        | st.tuples(st.just("record"), misshapen(RECORD.to_dict()) | junk)
        | st.tuples(st.just("fact"), facts)
        | st.tuples(st.just("cell"), st.tuples(column, scalars | st.binary(max_size=20)))
        | st.tuples(st.just("event"), st.lists(scalars, min_size=3, max_size=3))
        | st.tuples(st.just("schema"), st.sampled_from(_TABLES)),
        attempt=attempt,
    )


def read(folder: Path) -> None:
    """Reads everything that is ever read of a ledger.

    Raises:
        StoreError: the ledger is damaged.
    """
    ledger = Ledger(folder / "ledger.sqlite")
    try:
        records = ledger.records()
        for key in (record.spec.key for record in records):
            found = ledger.record(*key)
            assert found is None or found.spec.key == key
        for name in FACTS:
            ledger.fact(name)
        ledger.events()
    finally:
        ledger.close()
    assert status(folder)


def _alter(path: Path, kind: str, value: Any) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    try:
        if kind == "record":
            database.execute("UPDATE runs SET record=?", (json.dumps(value),))
        elif kind == "fact":
            database.execute("UPDATE facts SET value=? WHERE name=?", (json.dumps(value[1]), value[0]))
        elif kind == "cell":
            database.execute(f"UPDATE runs SET {value[0]}=?", (value[1],))
        elif kind == "event":
            database.execute("UPDATE events SET kind=?, model=?, detail=?", value)
        else:
            database.execute(f"ALTER TABLE {value} RENAME COLUMN {_FIRST[value]} TO other")
    except (sqlite3.Error, OverflowError, UnicodeEncodeError):
        pass  # SQLite itself takes no such value: the row stays as it was
    finally:
        database.close()


_FIRST = {"facts": "value", "runs": "record", "events": "detail"}
