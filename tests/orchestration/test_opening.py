"""Opening a study: what is there is gone on with, or moved aside."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from study.budget import Deadline
from study.cli import main
from study.matrix import arms
from study.networks import GOOGLENET
from study.orchestration.clock import StudyClock
from study.orchestration.opening import machine_change, open_ledger
from study.orchestration.options import Options
from study.orchestration.plan_state import PlanState
from study.orchestration.status import budget_of, status
from study.records import RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.runtime import detect


def test_a_study_in_the_working_directory_is_moved_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    old = open_ledger(StudySpec(), Options(results_dir=Path("."), report_dir=tmp_path))
    old.set_fact("used_seconds", 7.0)
    old.close()
    new = open_ledger(StudySpec(), Options(results_dir=Path("."), report_dir=tmp_path, fresh=True))
    assert new.fact("used_seconds") is None
    new.close()
    (aside,) = tmp_path.glob("work-*")
    assert (aside / "ledger.sqlite").is_file()


def test_a_dry_run_prints_a_plan_and_leaves_the_study_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    results = tmp_path / "results"
    # The clock began with the process, which is that of all the tests before.
    flags = [
        "--budget",
        "24h",
        "--models",
        "googlenet",
        "--offline",
        "--dry-run",
        "--device",
        "cpu",
        "--workers",
        "2",
        "--results-dir",
        str(results),
        "--report-dir",
        str(tmp_path / "o"),
    ]
    study = StudySpec(models=(GOOGLENET,), precision=detect("cpu").precision)
    old = open_ledger(study, Options(results_dir=results, report_dir=tmp_path))
    old.set_fact("used_seconds", 100.0)
    old.close()
    for again in ([], ["--fresh"]):
        assert main([*flags, *again]) == 0
        told = capsys.readouterr().out
        assert "googlenet: no ImageNet weights on this machine; pre-training" in told and "Plan\n" in told
    assert not list(tmp_path.glob("results-*")) and not list(results.glob("*/"))
    assert not (results / ".lock").exists() and not (tmp_path / "o").exists()
    kept = Ledger(results / "ledger.sqlite")
    assert kept.fact("used_seconds") == 100 and kept.fact("plan") is None


def test_a_study_whose_budget_is_used_keeps_its_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused once, it would else have its whole budget again."""
    results = tmp_path / "results"
    study = StudySpec(models=(GOOGLENET,), precision=detect("cpu").precision)
    old = open_ledger(study, Options(results_dir=results, report_dir=tmp_path))
    old.set_fact("used_seconds", 590.0)
    spec = RunSpec(
        arm=arms(study.models)[0], purpose=Purpose.FINAL, seed=1, hyper=HyperParams(lr=0.1), rung=10
    )
    old.commit(RunRecord(spec=spec, state=RunState.INTERRUPTED))  # killed before the tables were written
    old.set_fact("pretraining", {"googlenet": {"reason": "no weights", "detail": ""}})
    old.close()
    flags = ["--budget", "10m", "--models", "googlenet", "--offline", "--device", "cpu"]
    assert main([*flags, "--results-dir", str(results), "--report-dir", str(tmp_path / "o")]) == 2
    assert "has used" in capsys.readouterr().err
    kept = Ledger(results / "ledger.sqlite")
    assert kept.fact("used_seconds") == 590
    kept.close()
    rows = pd.read_csv(results / "results.csv")
    assert list(rows[rows["state"] == "interrupted"]["run_id"]) == [spec.run_id]
    assert set(rows[rows["init"] == "pretrained"].query("state == 'skipped'")["reason"]) == {"no weights"}


def test_the_ledger_s_budget_stands_where_none_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    flags = [
        "--models",
        "googlenet",
        "--offline",
        "--device",
        "cpu",
        "--results-dir",
        str(results),
        "--report-dir",
        str(tmp_path / "o"),
    ]
    assert budget_of(results) is None
    study = StudySpec(models=(GOOGLENET,), precision=detect("cpu").precision)
    old = open_ledger(study, Options(results_dir=results, report_dir=tmp_path))
    deadline = Deadline(budget=600, started=0, clock=lambda: 590.0)
    clock = StudyClock(ledger=old, deadline=deadline, reserve=60, work=deadline)
    PlanState(study=study, clock=clock).save()
    old.set_fact("used_seconds", 590.0)
    old.close()
    assert budget_of(results) == 600
    assert main(flags) == 2  # of 2 hours there would be enough left
    assert "has used 9m50s of its budget" in capsys.readouterr().err


def test_a_study_tells_its_budget_before_there_is_a_plan(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("used_seconds", 60.0)
    deadline = Deadline(budget=600, started=0, clock=lambda: 0.0)
    PlanState(study=StudySpec(), clock=StudyClock.opened(ledger, deadline, "results")).save()
    ledger.close()
    assert status(tmp_path)[0] == "used 1m00s of 10m00s, 9m00s left"


def test_parts_of_files_that_a_kill_left_are_removed(tmp_path: Path) -> None:
    """Wherever a study writes: an array of a run that was being kept lies deepest."""
    parts = [
        tmp_path / folder / ".x.npz.abcdefgh.part"
        for folder in ("", "checkpoints", "artifacts", "artifacts/runs")
    ]
    for path in parts:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"cut off")
    open_ledger(StudySpec(), Options(results_dir=tmp_path, report_dir=tmp_path)).close()
    assert [path for path in parts if path.exists()] == []


def test_another_machine_is_told_apart() -> None:
    here = detect("cpu", "fp32")
    before = {"device_name": here.device_name, "threads": here.threads, "torch": version("torch")}
    assert machine_change(before, here) == ""
    told = machine_change(before | {"device_name": "Elbrus", "threads": 7}, here)
    assert told.startswith(f"Elbrus, 7 threads, torch {version('torch')} → {here.device_name}, ")


def test_tables_without_their_ledger_are_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (results / "results.csv").write_text("run_id\nmine\n")
    flags = [
        "--budget",
        "24h",
        "--models",
        "googlenet",
        "--offline",
        "--device",
        "cpu",
        "--results-dir",
        str(results),
        "--report-dir",
        str(tmp_path / "o"),
    ]
    for more in ([], ["--dry-run"]):
        assert main([*flags, *more]) == 2
        assert "results without the ledger of their study; use --fresh" in capsys.readouterr().err
    assert not (results / "ledger.sqlite").exists()
    open_ledger(StudySpec(), Options(results_dir=results, report_dir=tmp_path, fresh=True)).close()
    (aside,) = tmp_path.glob("results-*")
    assert (aside / "results.csv").read_text() == "run_id\nmine\n"
    assert [path.name for path in aside.iterdir()] == ["results.csv"], "no ledger that was never there"


def test_what_is_moved_aside_keeps_commits_that_a_kill_left_beside_the_ledger(tmp_path: Path) -> None:
    results = tmp_path / "results"
    script = (
        "import os, sys; from pathlib import Path; from study.store.ledger import Ledger\n"
        "Ledger(Path(sys.argv[1])).set_fact('used_seconds', 7.0); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(results / "ledger.sqlite")], check=False)
    assert (results / "ledger.sqlite-wal").stat().st_size
    open_ledger(StudySpec(), Options(results_dir=results, report_dir=tmp_path, fresh=True)).close()
    (aside,) = tmp_path.glob("results-*")
    assert [path.name for path in aside.iterdir()] == ["ledger.sqlite"]
    old = Ledger(aside / "ledger.sqlite")
    assert old.fact("used_seconds") == 7
    old.close()
