"""A real study is valid; each way of changing it by hand is named, and a copy is known as one."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.analysis import analyse
from study.cli import main
from study.report.build import build_report
from study.report.text.length import Length
from study.verify.check import Outcome
from study.verify.verify import verify

pytestmark = pytest.mark.xdist_group("time")


@pytest.fixture
def handed_in(minute: Path, tmp_path: Path) -> Path:
    """A copy of a study of a minute, as a student hands it in."""
    folder = tmp_path / "ivanova"
    shutil.copytree(minute / "r", folder / "results")
    shutil.copytree(minute / "o", folder / "report_out")
    return folder


def _outcomes(folder: Path) -> dict[str, Outcome]:
    (found,) = verify([folder])
    return {check.name: check.outcome for check in found.checks}


def test_an_honest_study_is_valid(handed_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(handed_in)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{handed_in}: valid (ledger: ")
    for name in ("tables", "accuracies", "labels", "contrasts", "preregistration", "report"):
        assert f"; {name}: " in line


def _better_table(folder: Path) -> None:
    path = folder / "results" / "results.csv"
    lines = path.read_text().splitlines()
    header = lines[0].split(",")
    place = header.index("test_accuracy")
    row = next(i for i, line in enumerate(lines) if ",finished," in line)
    cells = lines[row].split(",")
    cells[place] = "0.97"
    lines[row] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n")


def _better_ledger(folder: Path) -> None:
    """Ledger and tables agree, and the predictions tell another story."""
    with sqlite3.connect(folder / "results" / "ledger.sqlite") as ledger:
        rows = ledger.execute("SELECT run_id, rung, record FROM runs WHERE state='finished'").fetchall()
        judged = (row for row in rows if json.loads(row[2])["test_accuracy"] is not None)
        run_id, rung, text = next(judged)
        record = json.loads(text)
        better = text.replace(f'"test_accuracy": {record["test_accuracy"]}', '"test_accuracy": 0.97')
        assert better != text
        ledger.execute("UPDATE runs SET record=? WHERE run_id=? AND rung=?", (better, run_id, rung))
    ledger.close()


def _other_labels(folder: Path) -> None:
    path = folder / "results" / "predictions.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["labels"] = np.roll(arrays["labels"], 1)
    np.savez_compressed(path, **arrays)


def _kinder_rules(folder: Path) -> None:
    path = folder / "results" / "preregistration.json"
    declared = json.loads(path.read_text())
    declared["rules"]["alpha"] = 0.2
    path.write_text(json.dumps(declared))


def _other_report(folder: Path) -> None:
    """The report of better results, which were put back afterwards."""
    paths = [folder / "results" / name for name in ("results.csv", "rungs.csv")]
    kept = [path.read_text() for path in paths]
    header, *rows = (line.split(",") for line in kept[0].splitlines())
    accuracies = {row[header.index("test_accuracy")] for row in rows} - {""}
    for path, text in zip(paths, kept, strict=True):
        for number, accuracy in enumerate(sorted(accuracies)):
            text = text.replace(f",{accuracy},", f",0.98{number:02}5,")
        path.write_text(text)
    build_report(analyse(folder / "results"), folder / "report_out", length=Length.SHORT, draft=True)
    for path, text in zip(paths, kept, strict=True):
        path.write_text(text)


def _no_ledger(folder: Path) -> None:
    (folder / "results" / "ledger.sqlite").unlink()


@pytest.mark.parametrize(
    ("change", "name", "outcome"),
    [
        (_better_table, "tables", Outcome.BROKEN),
        (_better_ledger, "tables", Outcome.BROKEN),
        (_other_labels, "labels", Outcome.BROKEN),
        (_kinder_rules, "preregistration", Outcome.BROKEN),
        (_other_report, "report", Outcome.BROKEN),
        (_no_ledger, "ledger", Outcome.UNCHECKED),
    ],
)
def test_what_was_changed_by_hand_is_named(
    change: Callable[[Path], None],
    name: str,
    outcome: Outcome,
    handed_in: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(handed_in)
    assert _outcomes(handed_in)[name] is outcome
    assert main(["verify", str(handed_in)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{handed_in}: NOT VALID: ") and f"{name} – {outcome.value}: " in line


def test_predictions_that_are_not_those_of_the_accuracies(handed_in: Path) -> None:
    path = handed_in / "results" / "predictions.npz"
    with np.load(path) as stored:
        arrays = dict(stored)
    name = next(name for name in arrays if name.endswith(".class"))
    arrays[name] = (arrays[name] + 1) % 10
    np.savez_compressed(path, **arrays)
    assert _outcomes(handed_in)["accuracies"] is Outcome.BROKEN


def test_a_copy_is_known_by_its_times(
    handed_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(handed_in, tmp_path / "petrov")
    other = tmp_path / "sidorova"
    shutil.copytree(handed_in, other)
    with sqlite3.connect(other / "results" / "ledger.sqlite") as ledger:  # the same study, run elsewhere
        for run_id, rung, text in ledger.execute("SELECT run_id, rung, record FROM runs").fetchall():
            record = json.loads(text)
            for seconds in ("train_seconds", "step_seconds"):
                record[seconds] *= 1.01
            values = (json.dumps(record), run_id, rung)
            ledger.execute("UPDATE runs SET record=? WHERE run_id=? AND rung=?", values)
    ledger.close()
    assert main(["verify", str(handed_in), str(tmp_path / "petrov"), str(other)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert f"its runs are those of {tmp_path / 'petrov'}" in told[0]
    assert f"its runs are those of {handed_in}" in told[1]
    assert "its runs are those of" not in told[2]


def test_a_folder_that_is_not_there_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "nobody")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'nobody'} is not a folder\n"
