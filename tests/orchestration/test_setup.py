"""Opening a study: what is there is gone on with, or moved aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cli import main
from study.orchestration.setup import Options, open_ledger
from study.spec import ModelName, StudySpec
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
    flags = ["--budget", "24h", "--models", "googlenet", "--offline", "--dry-run", "--device", "cpu",
             "--results-dir", str(results), "--report-dir", str(tmp_path / "o")]  # fmt: skip
    study = StudySpec(models=(ModelName.GOOGLENET,), precision=detect("cpu").precision)
    old = open_ledger(study, Options(results_dir=results, report_dir=tmp_path))
    old.set_fact("used_seconds", 100.0)
    old.close()
    for again in ([], ["--fresh"]):
        assert main([*flags, *again]) == 0
        told = capsys.readouterr().out
        assert "googlenet: no ImageNet weights on this machine; pre-training" in told and "Plan (" in told
    assert not list(tmp_path.glob("results-*")) and not list(results.glob("*/"))
    kept = Ledger(results / "ledger.sqlite")
    assert kept.fact("used_seconds") == 100 and kept.fact("plan") is None


def test_a_study_whose_budget_is_used_keeps_its_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused once, it would else have its whole budget again."""
    results = tmp_path / "results"
    study = StudySpec(models=(ModelName.GOOGLENET,), precision=detect("cpu").precision)
    old = open_ledger(study, Options(results_dir=results, report_dir=tmp_path))
    old.set_fact("used_seconds", 590.0)
    old.close()
    flags = ["--budget", "10m", "--models", "googlenet", "--offline", "--device", "cpu"]
    assert main([*flags, "--results-dir", str(results), "--report-dir", str(tmp_path / "o")]) == 2
    assert "has used" in capsys.readouterr().err
    kept = Ledger(results / "ledger.sqlite")
    assert kept.fact("used_seconds") == 590
    kept.close()
