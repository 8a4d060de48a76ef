"""What a worker without the results directory is given, and what comes back from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.orchestration.executors.scratch import Changes, Scratch, read_files

TRUNK, HASH = "checkpoints/unfinished/run.000000064.pt", "checkpoints/unfinished/run.000000064.pt.sha256"


def test_what_is_written_and_removed_there_is_written_and_removed_here(tmp_path: Path) -> None:
    results, scratch = tmp_path / "results", Scratch(folder=tmp_path / "scratch")
    Changes(written={TRUNK: b"old", HASH: b"of old"}, removed=()).apply(results)
    scratch.begin(read_files(results, [results / TRUNK, results / HASH, results / "checkpoints" / "none"]))
    assert scratch.changes() == Changes(written={}, removed=()), "what came is no change"
    newer = "checkpoints/unfinished/run.000000128.pt"
    (scratch.folder / newer).write_bytes(b"new")
    (scratch.folder / "checkpoints" / "unfinished" / ".run.x.part").write_bytes(b"half")
    (scratch.folder / TRUNK).unlink()
    changes = scratch.changes()
    assert changes == Changes(written={newer: b"new"}, removed=(TRUNK,))
    changes.apply(results)
    found = {path.name: path.read_bytes() for path in (results / "checkpoints" / "unfinished").iterdir()}
    assert found == {Path(newer).name: b"new", Path(HASH).name: b"of old"}
    assert scratch.changes() == Changes(written={}, removed=())
    (scratch.folder / newer).write_bytes(b"newest")
    assert scratch.changes().written == {newer: b"newest"}


def test_features_stay_for_the_next_task_and_nothing_else_does(tmp_path: Path) -> None:
    scratch = Scratch(folder=tmp_path)
    features = tmp_path / "checkpoints" / "features" / "key" / "000000-00100.npz"
    features.parent.mkdir(parents=True)
    features.write_bytes(b"kept")
    (tmp_path / "checkpoints" / "explained.pth").write_bytes(b"of the task before")
    scratch.begin({})
    assert scratch.changes() == Changes(written={}, removed=())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [features]


@pytest.mark.parametrize("name", ["ledger.sqlite", "checkpoints/../ledger.sqlite", "/etc/passwd"])
def test_a_worker_writes_nowhere_else(name: str, tmp_path: Path) -> None:
    for changes in (Changes(written={name: b"x"}, removed=()), Changes(written={}, removed=(name,))):
        with pytest.raises(ValueError, match="no file that a worker leaves"):
            changes.apply(tmp_path)
