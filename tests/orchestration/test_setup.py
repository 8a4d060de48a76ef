"""Opening a study: what is there is gone on with, or moved aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.orchestration.setup import Options, open_ledger
from study.spec import StudySpec


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
