"""Two studies with one report folder, and results that vanish under a running study."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from benchmarks.chaos.children import Watched, ended, in_memory, ledger_of
from benchmarks.hostile.results import small_results
from study.cli import main
from study.errors import StoreError
from study.store.ledger import Ledger
from study.store.lock import StudyLock, report_lock

PDF = b"%PDF-1.7 of another study\n%%EOF\n"


def _ignored(line: str) -> None:
    pass


def test_a_second_study_is_refused_at_once_by_the_report_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, out = (tmp_path / name for name in ("first", "second", "out"))
    flags = ["--offline", "--results-dir", str(second), "--report-dir", str(out)]
    with StudyLock(first), report_lock(out, first, _ignored):
        assert main(flags) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and f"{out} is in use by the study in {first} (pid " in told
        assert "give another --report-dir" in told
        assert not (second / "ledger.sqlite").exists()


def test_the_study_s_own_report_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, results = tmp_path / "out", tmp_path / "results"
    results.mkdir()
    monkeypatch.chdir(tmp_path)
    with report_lock(out, results, _ignored):
        began = time.monotonic()
        with report_lock(out, Path("results"), _ignored):  # by the verb `report`
            assert time.monotonic() - began < 60
        another = report_lock(out, tmp_path / "another", _ignored)
        with pytest.raises(StoreError, match="is in use by the study"), another:
            pass
    with StudyLock(results), report_lock(results, results, _ignored):
        pass  # one folder for both has one lock


def test_a_report_of_another_study_is_written_over_and_told(tmp_path: Path) -> None:
    out, said = tmp_path / "out", list[str]()
    for name in ("one", "one", "other", "other"):
        with report_lock(out, tmp_path / name, said.append):
            (out / "report.pdf").write_bytes(PDF)
    whose = f"the report of the study in {tmp_path / 'one'}"
    assert said == [f"report directory {out}: {whose} is written over"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_results(tmp_path_factory.mktemp("small") / "results")


def test_the_verb_report_keeps_to_the_lock(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    command = ["report", "--draft", "--results-dir", str(results), "--report-dir", str(out)]
    with report_lock(out, other, _ignored):
        (out / "report.pdf").write_bytes(PDF)
        assert main(command) == 2
        assert f"is in use by the study in {other}" in capsys.readouterr().err
        assert (out / "report.pdf").read_bytes() == PDF
    assert main(command) == 0
    assert f"the report of the study in {other} is written over" in capsys.readouterr().out
    assert (out / "report.pdf").read_bytes() != PDF


@pytest.mark.parametrize("how", ["deleted", "moved", "emptied"])
def test_results_that_vanish_end_the_study_and_stay_away(how: str) -> None:
    with in_memory() as folder:
        study = Watched(folder / "study", 2)
        process, until = study.start(), time.monotonic() + 60
        while not ledger_of(study.results):
            assert time.monotonic() < until and process.is_alive(), study.said
            time.sleep(0.01)
        if how == "moved":
            study.results.rename(folder / "moved")
        else:
            _delete(study.results, keep=how == "emptied")
        assert ended(process) == 2
        last = study.said.strip().splitlines()[-1]
        assert last.startswith("error: "), last
        assert "deleted, moved or replaced" in last or "is gone" in last
        if how == "emptied":
            assert not {path.name for path in study.results.iterdir()} & {"ledger.sqlite", "results.csv"}
        else:
            assert not study.results.exists()
        if how == "moved":
            ledger = Ledger(folder / "moved" / "ledger.sqlite")
            assert ledger.records(), "what was committed before is there"
            ledger.close()


def _delete(folder: Path, *, keep: bool) -> None:
    """Deletes a folder that others write to, or what a shell means by ``folder/*``."""
    until = time.monotonic() + 30
    while not keep and folder.exists():
        assert time.monotonic() < until
        shutil.rmtree(folder, ignore_errors=True)
    for path in folder.glob("[!.]*"):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
