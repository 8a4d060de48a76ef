"""The ledger keeps what was committed; cells of tables cannot run as formulas."""

from __future__ import annotations

import csv
import json
import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study.errors import StoreError, UsageError
from study.matrix import arms
from study.networks import VGG11
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import Experiment, FirstConv, HyperParams, Init, Purpose, Recipe, RunSpec
from study.store.files import write_text
from study.store.ledger import Ledger
from study.store.lock import StudyLock
from study.store.tables import (
    EXPERIMENT_COLUMNS,
    RESULT_COLUMNS,
    RUNG_COLUMNS,
    TRIAL_COLUMNS,
    results_table,
    write_tables,
)


def _record(index: int = 0, reason: str = "") -> RunRecord:
    spec = RunSpec(
        arm=arms()[index],
        purpose=Purpose.FINAL,
        seed=1,
        hyper=HyperParams(lr=0.1 / 3),
        train_images=1_000,
        rung=2_500,
    )
    point = EvaluationPoint(
        samples_seen=2_500, seconds=1.25, train_loss=0.1, val_accuracy=1 / 3, val_loss=0.2
    )
    return RunRecord(
        spec=spec,
        state=RunState.FINISHED,
        reason=reason,
        samples_seen=2_500,
        test_accuracy=0.7,
        train_seconds=1.25,
        history=(point,),
    )


def test_records_survive_the_ledger_exactly(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    ledger.commit(_record())
    ledger.commit(_record(1))
    ledger.close()
    again = Ledger(tmp_path / "l.sqlite")
    assert again.records() == (_record(), _record(1))
    assert again.record(*_record().spec.key) == _record()
    assert again.record("nothing", 2_500) is None
    assert again.record(_record().spec.run_id, 5_000) is None


def test_a_training_has_one_row_for_each_rung(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "l.sqlite")
    rungs = [replace(_record(), spec=replace(_record().spec, rung=rung)) for rung in (2_000, 4_000)]
    assert len({record.spec.run_id for record in rungs}) == 1
    for record in rungs:
        ledger.commit(replace(record, state=RunState.INTERRUPTED))
        ledger.commit(record)  # taken up: it replaces its own row and no other
    assert ledger.records() == tuple(rungs)
    assert [ledger.record(*record.spec.key) for record in rungs] == rungs


def test_run_ids_are_stable_and_differ_by_content() -> None:
    assert _record().spec.run_id == _record().spec.run_id
    assert len({_record(index).spec.run_id for index in range(12)}) == 12
    assert replace(_record().spec, rung=64_000).run_id == _record().spec.run_id, "an id has no length"
    assert replace(_record().spec, rung=64_000).name == f"{_record().spec.run_id} @ 64,000"
    assert replace(_record().spec, batch_size=16).run_id != _record().spec.run_id
    assert replace(_record().spec, recipe=Recipe(cooldown=0.2)).run_id != _record().spec.run_id
    assert replace(_record().spec, purpose=Purpose.CHAMPION).run_id.startswith(
        "vgg11-pretrained-frozen-champion-s1-"
    )
    # A golden value: a changed id would orphan the runs of every existing study.
    assert _record().spec.run_id == "vgg11-pretrained-frozen-s1-1836f4d3"
    assert RunSpec.from_dict(_record().to_dict()["spec"]) == _record().spec


def test_run_ids_of_side_runs_are_stable() -> None:
    spec = replace(_record().spec, purpose=Purpose.SIDE, experiment=Experiment.DEPTH, unfrozen_stages=1)
    assert spec.run_id == "vgg11-pretrained-frozen-depth-s1-6c0e4f66"
    fresh = replace(
        spec, experiment=Experiment.ADAPTATION, unfrozen_stages=None, first_conv=FirstConv.FRESH
    )
    assert RunSpec.from_dict(json.loads(json.dumps(fresh.to_dict()))) == fresh
    assert fresh.run_id != replace(fresh, first_conv=FirstConv.MEAN).run_id


@pytest.mark.parametrize(
    "changes",
    [
        {"first_conv": FirstConv.FRESH},
        {"experiment": Experiment.LABELS, "purpose": Purpose.SIDE, "first_conv": FirstConv.FRESH},
        {"experiment": Experiment.ADAPTATION, "purpose": Purpose.SIDE},
    ],
)
def test_a_first_conv_belongs_to_its_experiment(changes: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="first_conv"):
        replace(_record().spec, **changes)


def test_a_scratch_network_has_no_first_conv_to_adapt() -> None:
    scratch = next(arm for arm in arms() if arm.init is Init.SCRATCH)
    with pytest.raises(UsageError, match="scratch"):
        replace(
            _record().spec,
            arm=scratch,
            purpose=Purpose.SIDE,
            experiment=Experiment.ADAPTATION,
            first_conv=FirstConv.FRESH,
        )


def test_tables_have_the_promised_columns(tmp_path: Path) -> None:
    write_tables([_record()], tmp_path)
    results = pd.read_csv(tmp_path / "results.csv")
    assert tuple(results.columns) == RESULT_COLUMNS
    assert results.loc[0, "epochs"] == 2.5 and results.loc[0, "lr"] == 0.1 / 3
    assert tuple(pd.read_csv(tmp_path / "rungs.csv").columns) == RUNG_COLUMNS
    assert tuple(pd.read_csv(tmp_path / "trials.csv").columns) == TRIAL_COLUMNS
    side = replace(
        _record(),
        spec=replace(
            _record().spec,
            purpose=Purpose.SIDE,
            experiment=Experiment.ADAPTATION,
            first_conv=FirstConv.MEAN,
        ),
    )
    write_tables([side], tmp_path)
    experiments = pd.read_csv(tmp_path / "experiments.csv")
    assert tuple(experiments.columns) == EXPERIMENT_COLUMNS
    assert tuple(experiments.columns[-2:]) == ("reason", "first_conv")
    assert experiments.loc[0, "first_conv"] == "mean"
    assert len(pd.read_csv(tmp_path / "history.csv")) == 1
    assert len(results_table([])) == 0


def test_a_formula_in_a_text_cell_is_neutral(tmp_path: Path) -> None:
    write_tables([_record(reason="=cmd|' /C calc'!A0")], tmp_path)
    assert pd.read_csv(tmp_path / "results.csv").loc[0, "reason"].startswith("'=cmd")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_from_people_never_begins_as_a_formula(start: str, tmp_path: Path) -> None:
    """The name of a weights file, the text of an error: every cell of text that people can choose."""
    spec = replace(_record().spec, init_source=f"{start}cmd.pth")
    point = replace(_record().history[0], val_loss=-0.5)
    record = replace(
        _record(reason=f"{start}1"), spec=spec, checkpoint=f"{start}x", history=(point,), test_loss=-1.5
    )
    write_tables([record], tmp_path)
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream))
    shown = "\n" if start == "\r" else start  # a carriage return would end the row
    assert [row[name] for name in ("init_source", "reason", "checkpoint")] == [
        f"'{shown}cmd.pth",
        f"'{shown}1",
        f"'{shown}x",
    ]
    assert row["test_loss"] == "-1.5"
    assert (tmp_path / "history.csv").read_text().rstrip().endswith(",-0.5")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    write_text(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "\udc80")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def _hold(folder: str, ready: multiprocessing.Queue, go: multiprocessing.Event) -> None:
    lock = StudyLock(Path(folder))
    ready.put(True)
    go.wait(20)
    lock.release()


def test_an_event_that_happens_again_stands_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for model in (None, "vgg11", None, "vgg11"):
        ledger.add_event("worker_lost", "SIGKILL", model)
    assert [event["model"] for event in ledger.events()] == [None, "vgg11"]
    ledger.close()


def test_a_second_study_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Queue(), context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path), ready, go))
    holder.start()
    try:
        assert ready.get(timeout=20)
        with pytest.raises(StoreError, match=f"pid {holder.pid}"):
            StudyLock(tmp_path)
    finally:
        go.set()
        holder.join(20)
    StudyLock(tmp_path).release()


def test_not_a_ledger_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        Ledger(path)


def test_twelve_arms_and_a_reason_for_the_other_four() -> None:
    assert len(set(arms())) == 12
    assert all(arm.model == VGG11 for arm in arms((VGG11,)))
