"""Tables follow the commits; where they would take the coordinator's time, once for several commits."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pandas as pd
import pytest
from small_study import Answering, opened, ran

from study.data import LabelledImages
from study.records import RunRecord, RunState


def test_several_commits_are_written_together_where_writing_takes_long(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    def written() -> int:
        return len(pd.read_csv(tmp_path / "rungs.csv").query("state == 'finished'"))

    with opened(tmp_path, fashion, executor=Answering(ran)) as study:
        specs, writer = study.context.specs, study.lifecycle.tables

        def commit(number: int) -> None:
            spec = specs.final(specs.arms()[0], number, 192)
            study.context.ledger.commit(RunRecord(spec=spec, state=RunState.FINISHED))
            writer.note_commit()

        commit(0)
        assert written() == 1, "the first one at once"
        writer._took = 1e6  # as with very many runs
        commit(1)
        commit(2)
        writer.write_pending()
        assert written() == 1
        writer.write_pending(at_once=True)
        assert written() == 3
        before = (tmp_path / "rungs.csv").stat().st_mtime_ns
        writer.write_pending(at_once=True)
        assert (tmp_path / "rungs.csv").stat().st_mtime_ns == before, "nothing new"


def test_a_table_that_another_program_keeps_open_costs_no_study(
    tmp_path: Path, fashion: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Excel under Windows forbids to replace what it shows."""
    real = os.replace

    def replace(source: str, target: Path) -> None:
        if Path(target).name == "results.csv":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        real(source, target)

    with opened(tmp_path, fashion, executor=Answering(ran)) as study:
        specs, writer = study.context.specs, study.lifecycle.tables
        monkeypatch.setattr(os, "replace", replace)
        for number in range(2):
            spec = specs.final(specs.arms()[0], number, 192)
            study.context.ledger.commit(RunRecord(spec=spec, state=RunState.FINISHED))
            writer.note_commit()
            writer.write_pending(at_once=True)
        (told,) = study.events("tables_kept")
        assert f"cannot write {tmp_path / 'results.csv'}: permission denied" in told and "close it" in told
        assert not list(tmp_path.glob(".*.part"))
        monkeypatch.undo()
        writer.write_pending(at_once=True)
        assert len(pd.read_csv(tmp_path / "results.csv").query("state == 'finished'")) == 2
