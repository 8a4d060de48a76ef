"""A ledger of another format is not gone on with: one line says how to go on, and nothing is changed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from study.cli import main
from study.errors import StoreError
from study.networks import GOOGLENET
from study.orchestration.opening import open_ledger
from study.orchestration.options import Options
from study.spec import StudySpec
from study.store.ledger import FORMAT, Ledger

#: The schema of format 1, which had no rungs and did not name its format.
_FIRST = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, position INTEGER NOT NULL, state TEXT NOT NULL, purpose TEXT NOT NULL,
    arm TEXT NOT NULL, record TEXT NOT NULL, committed REAL NOT NULL);
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, model TEXT, detail TEXT NOT NULL,
    at REAL NOT NULL, UNIQUE (kind, model, detail));
"""
STUDY = StudySpec(models=(GOOGLENET,))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A results directory with a ledger of format 1 and its table."""
    folder = tmp_path / "results"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        db.executescript(_FIRST)
        db.execute("INSERT INTO facts VALUES ('fingerprint', ?)", (json.dumps(STUDY.fingerprint),))
        db.execute(
            "INSERT INTO runs VALUES ('vgg11-scratch-frozen-s1-0123abcd', 1, 'finished', 'final',"
            " 'vgg11-scratch-frozen', '{}', 1.0)"
        )
        db.commit()
    (folder / "results.csv").write_text("run_id\n")
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@pytest.mark.parametrize("verb", [["status"], ["--budget", "2m"]], ids=lambda verb: verb[0])
def test_a_ledger_of_format_1_is_refused_and_left_alone(
    verb: list[str], old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _content(old)
    report = [] if verb == ["status"] else ["--report-dir", str(old.parent / "out")]
    assert main([*verb, "--results-dir", str(old), *report]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert f"{old / 'ledger.sqlite'} is of format 1" in error and "--fresh" in error
    assert _content(old) == before


def test_fresh_moves_it_aside(old: Path) -> None:
    before = _content(old)
    ledger = open_ledger(STUDY, Options(results_dir=old, report_dir=old.parent, fresh=True))
    assert ledger.records() == () and ledger.fact("format") == FORMAT
    ledger.close()
    (aside,) = (path for path in old.parent.iterdir() if path.name.startswith("results-"))
    assert _content(aside) == before and not (old / "results.csv").exists()
    Ledger(old / "ledger.sqlite").close()  # what it has made is gone on with


@pytest.mark.parametrize("value", ["3", "null", '"2"'])
def test_no_other_format_is_taken_for_this_one(value: str, tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE facts SET value=? WHERE name='format'", (value,))
        db.commit()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=f"is of format {value}.* --fresh"):
            Ledger(path, read_only=read_only)
