"""Two studies side by side: settings that differ, champions, effects and their difference."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from study.cli import main

SAMPLE = Path(__file__).parents[1] / "docs" / "sample" / "results"


def _rows(text: str) -> dict[str, list[str]]:
    lines = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return {cells[0]: cells[1:] for cells in lines}


def test_a_study_equals_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(SAMPLE), str(SAMPLE)]) == 0
    rows = _rows(capsys.readouterr().out)
    assert any(name.startswith("nothing that was noted differs") for name in rows)
    contrasts = pd.read_csv(SAMPLE / "contrasts.csv")
    for row in contrasts.itertuples():
        cells = rows[f"{row.name}, {row.model}"]
        assert cells[0] == cells[2] and cells[0].startswith(f"{row.effect_pp:+.2f}")
        assert cells[4].startswith("+0.00")


def test_what_differs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other"
    shutil.copytree(SAMPLE, other)
    facts = json.loads((other / "environment.json").read_text())
    facts |= {"seed": 7, "device_name": "a|b"}
    (other / "environment.json").write_text(json.dumps(facts))
    rungs = pd.read_csv(other / "rungs.csv")
    chosen = (rungs.model == "vgg11") & (rungs.init == "pretrained")
    rungs.loc[chosen, "test_accuracy"] -= 0.03
    rungs.to_csv(other / "rungs.csv", index=False)
    assert main(["compare", str(SAMPLE), str(other)]) == 0
    rows = _rows(capsys.readouterr().out)
    assert rows["seed"] == ["0", "7"] and rows["device_name"][1] == "a/b"
    name = "init@full, vgg11"
    first, _, second, _, difference = rows[name]
    assert float(second.split()[0]) == pytest.approx(float(first.split()[0]) - 3, abs=0.011)
    assert difference.startswith("-3.00 [")
    assert rows["accuracy on test images"][0] == rows["accuracy on test images"][1]


def test_a_folder_without_a_study_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(SAMPLE), str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"error: there is no results directory {tmp_path / 'none'}\n"
