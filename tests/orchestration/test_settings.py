"""A study that goes on keeps the settings it was begun with; a flag that differs is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from study.cli import main
from study.datasets import DATASETS, FASHION_MNIST, DatasetName
from study.errors import StoreError, UsageError
from study.networks import GOOGLENET
from study.orchestration.opening import open_ledger
from study.orchestration.options import Options
from study.orchestration.settings import require_same, settings
from study.orchestration.status import settings_of
from study.spec import Precision, StudySpec
from study.store.ledger import Ledger
from study.training.runtime import detect

STUDY = StudySpec(models=(GOOGLENET,), seed=7, resolution=64, precision=Precision.BF16, max_seeds=2)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results directory of a study that has used its budget, so that a start ends at once."""
    folder = tmp_path / "results"
    study = replace(STUDY, precision=detect("cpu").precision)
    ledger = open_ledger(study, Options(results_dir=folder, report_dir=tmp_path))
    ledger.set_fact("used_seconds", 590.0)
    ledger.close()
    return folder


def _refusal(results: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    arguments = ["--budget", "10m", "--offline", "--device", "cpu", *flags]
    assert main([*arguments, "--results-dir", str(results), "--report-dir", str(results / "o")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def test_flags_that_are_not_given_are_those_of_the_study(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags in ([], ["--models", "googlenet"], ["--seed", "7", "--resolution", "64"], ["--seeds", "5"]):
        assert "has used" in _refusal(results, capsys, *flags), "it is gone on with, were there time"
    kept = settings_of(results)
    assert kept is not None and (kept.seed, kept.max_seeds) == (7, 5), "more seeds are no other study"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--models", "vgg11,googlenet"], "--models googlenet there, vgg11,googlenet here"),
        (["--seed", "0"], "--seed 7 there, 0 here"),
        (["--resolution", "32"], "--resolution 64 there, 32 here"),
        (["--no-fold"], "--no-fold not given there, given here"),
    ],
)
def test_a_flag_that_differs_is_named_with_both_values(
    flags: list[str], told: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _refusal(results, capsys, *flags)
    assert f"a study with other settings ({told}); without such a flag it goes on" in said


def test_several_differences_are_all_named(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("study", STUDY.to_dict())
    require_same(ledger, replace(STUDY, max_seeds=None), tmp_path)
    with pytest.raises(UsageError, match=r"--seed 7 there, 8 here; --precision bf16 there, fp32 here"):
        require_same(ledger, replace(STUDY, seed=8, precision=Precision.FP32), tmp_path)
    ledger.close()


def test_a_ledger_that_knows_only_the_digest_of_its_settings_is_gone_on_with(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("fingerprint", STUDY.fingerprint)
    require_same(ledger, STUDY, tmp_path)
    with pytest.raises(UsageError, match="holds a study with other settings; without"):
        require_same(ledger, replace(STUDY, seed=8), tmp_path)
    ledger.close()


@pytest.mark.parametrize(
    "change",
    [
        {"models": []},
        {"seed": -1},
        {"resolution": 33},
        {"models": ["vgg19"]},
        {"colour": 1},
        {"seed": "7"},
        {"max_seeds": 10**9 + 1},
        {"device": "x" * 20_001},
        {"dataset": "lost"},
    ],
)
def test_damaged_settings_are_an_error_of_the_ledger(change: dict[str, object], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("study", STUDY.to_dict())
    assert settings(ledger) == STUDY
    ledger.set_fact("study", {**STUDY.to_dict(), **change})
    with pytest.raises(StoreError, match="is damaged"):
        settings(ledger)
    ledger.close()


def test_another_data_set_is_another_study(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = DatasetName("digits")
    monkeypatch.setitem(DATASETS, name, replace(FASHION_MNIST, name=name))
    assert "--dataset fashion-mnist there, digits here" in _refusal(results, capsys, "--dataset", "digits")


def test_settings_are_stored_whole(tmp_path: Path) -> None:
    """But for the data set, which older versions did not name."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for name in STUDY.to_dict().keys() - {"dataset"}:
        ledger.set_fact("study", {key: value for key, value in STUDY.to_dict().items() if key != name})
        with pytest.raises(StoreError, match=f"its settings: it has no {name}"):
            settings(ledger)
    ledger.close()
