"""A small real study from the command line: one network, a minute, a report and a table."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
import torch
from shared import minute_command

from study.analysis.registration import digest, rules
from study.cli import main
from study.networks import DEFAULT
from study.store.ledger import LEDGER, Ledger
from study.store.tables import RESULT_COLUMNS

pytestmark = pytest.mark.xdist_group("time")


def test_a_study_fits_its_minute_and_tells_its_state(
    minute: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = pd.read_csv(minute / "r" / "results.csv")
    assert tuple(results.columns) == RESULT_COLUMNS
    assert set(results["state"]) <= {"finished", "skipped", "interrupted"} and _finished(minute / "r")
    assert results.loc[results["state"] != "finished", "reason"].notna().all()
    assert (minute / "o" / "report.pdf").read_bytes().startswith(b"%PDF")
    plan = json.loads((minute / "r" / "plan.json").read_text())
    assert plan["budget_seconds"] == 60 and plan["used_seconds"] <= 60 and plan["workers"] == 2
    assert main(["status", "--results-dir", str(minute / "r")]) == 0
    told = capsys.readouterr().out
    assert "of 1m00s" in told and "not at work" in told
    _registered(minute / "r")


@pytest.mark.long
def test_a_study_is_extended(minute: Path, tmp_path: Path) -> None:
    folder = tmp_path / "extended"
    shutil.copytree(minute, folder)
    before = _finished(folder / "r")
    command = [*minute_command(folder), "--extend"]
    done = subprocess.run([*command, "45s"], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 2 and "1m" in done.stderr, "45 s lie below the least budget"
    subprocess.run([*command, "90s"], capture_output=True, timeout=300, check=True)
    after = _finished(folder / "r")
    assert before.items() <= after.items() and len(after) > len(before)
    plan = json.loads((folder / "r" / "plan.json").read_text())
    assert plan["budget_seconds"] == 150 and plan["used_seconds"] <= 150


def _registered(results: Path) -> None:
    """What was declared beforehand stands there, and its digest where the report takes it from."""
    declared = json.loads((results / "preregistration.json").read_text())
    facts = json.loads((results / "environment.json").read_text())
    assert facts["preregistration"] == digest(declared) and declared["rules"] == rules(DEFAULT)
    assert declared["registered"] <= facts["started"]


def _finished(results: Path) -> dict[tuple[str, int], float]:
    """Test accuracies of all finished judgements of the matrix."""
    rows = pd.read_csv(results / "rungs.csv").query("state == 'finished'")
    assert not rows.duplicated(["run_id", "rung"]).any()
    return {(row.run_id, int(row.rung)): row.test_accuracy for row in rows.itertuples()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--budget", "soon"],
        ["--nonsense"],
        ["--models", "resnet"],
        ["--budget", "3m", "--data-dir", "/nonexistent"],
        ["--title-page", "/nonexistent"],
        ["--report-dir", "/dev/null/x"],
        ["report", "--results-dir", "/nonexistent"],
        ["predict"],
        ["predict", "/nonexistent.png"],
        ["status", "--results-dir", "/nonexistent"],
        ["--extend", "1h", "--results-dir", "/nonexistent"],
        ["--extend", "1h", "--budget", "1h"],
        ["--extend", "1h", "--fresh"],
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--results-dir" not in arguments:
        arguments = [*arguments, "--results-dir", str(tmp_path)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_a_lack_of_memory_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(folder: Path) -> list[str]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nGPU 0 has")

    monkeypatch.setattr("study.orchestration.status.status", full)
    assert main(["status", "--results-dir", str(tmp_path)]) == 2
    told = "error: not enough memory: CUDA out of memory. Tried to allocate 2.00 GiB\n"
    assert capsys.readouterr().err == told


def test_a_finished_study_is_shown_in_mlflow_and_stays_as_it_is(minute: Path, store: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in (minute / "r").rglob("*")}
    folders = ["--results-dir", str(minute / "r"), "--report-dir", str(minute / "o")]
    assert main(["track", *folders, "--mlflow", store]) == 0
    assert {path: path.stat().st_mtime_ns for path in (minute / "r").rglob("*")} == before
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("pretraining-study")
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    with closing(Ledger(minute / "r" / LEDGER, read_only=True)) as ledger:
        wanted = {record.spec.name: record for record in ledger.records() if record.finished}
    below = {run.info.run_name: run for run in found if "mlflow.parentRunId" in run.data.tags}
    assert below.keys() == wanted.keys() and len(found) == len(wanted) + 1
    for name, run in below.items():
        assert run.data.metrics["val_accuracy"] == wanted[name].val_accuracy
    (top,) = (run.info.run_id for run in found if "mlflow.parentRunId" not in run.data.tags)
    assert {file.path for file in client.list_artifacts(top)} == {"results.csv", "report.pdf"}
