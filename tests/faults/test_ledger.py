"""A damaged ledger: one clear line, exit code 2, and not a byte of it is changed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from study.cli import main
from study.errors import StoreError
from study.matrix import arms
from study.records import RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec
from study.store.files import write_atomic
from study.store.ledger import Ledger
from study.store.tables import write_tables


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results directory with forty committed runs."""
    folder = tmp_path_factory.mktemp("whole") / "results"
    ledger = Ledger(folder / "ledger.sqlite")
    for seed in range(40):
        spec = RunSpec(
            arm=arms()[0], purpose=Purpose.FINAL, seed=seed, hyper=HyperParams(lr=0.01), rung=100
        )
        ledger.commit(RunRecord(spec=spec, state=RunState.FINISHED, test_accuracy=0.5))
    write_tables(ledger.records(), folder)
    ledger.close()
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "results"))


def _change_text(path: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE runs SET record = replace(record, ?, ?) WHERE position = 7", (old, new))


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4_096 * 2 : 4_096 * 2 + 64] = b"\xff" * 64
    path.write_bytes(content)


def _other(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE trials (number INTEGER)")


FORM = {
    "torn": _torn,
    "a page overwritten": _overwritten,
    "not a database": lambda path: path.write_bytes(b"not a database" * 500),
    "empty": lambda path: path.write_bytes(b""),
}
CONTENT = {
    "another database": _other,
    "text cut": lambda path: _change_text(path, '"history"', '"histo'),
    "settings of another run": lambda path: _change_text(path, '"rung": 100', '"rung": 101'),
}


@pytest.mark.parametrize(
    ("damage", "arguments"),
    [
        *((damage, verb) for damage in FORM for verb in (["status"], ["report"], ["--budget", "2m"])),
        *((damage, ["status"]) for damage in CONTENT),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_damaged_ledger_is_refused_and_left_alone(
    damage: str, arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "ledger.sqlite"
    (FORM | CONTENT)[damage](path)
    before = {item.name: item.read_bytes() for item in (path, *folder.glob("*.csv"))}
    report = [] if arguments == ["status"] else ["--report-dir", str(folder.parent / "out")]
    assert main([*arguments, "--results-dir", str(folder), *report]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and str(path) in error
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_a_whole_ledger_is_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--results-dir", str(folder)]) == 0
    assert "40 finished" in capsys.readouterr().out


def test_a_study_killed_in_its_first_moment_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"")
    assert Ledger(tmp_path / "ledger.sqlite").records() == ()


class Full:
    """A stream on a disk that takes so many bytes."""

    def __init__(self, stream: object, room: int) -> None:
        self._stream, self._room = stream, room

    def write(self, data: bytes) -> int:
        self._room -= len(memoryview(data))
        if self._room < 0:
            with open("/dev/full", "wb", buffering=0) as full:
                full.write(b"x")
        return int(self._stream.write(data))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@pytest.mark.parametrize("writer", ["torch", "numpy", "json"])
@pytest.mark.parametrize("room", [0, 10, 5_000])
def test_a_full_disk_is_told_with_the_file_and_leaves_the_old_one(
    writer: str, room: int, tmp_path: Path
) -> None:
    import numpy as np
    import torch

    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write(stream: object) -> None:
        full = Full(stream, room)
        if writer == "torch":
            torch.save({"state": torch.zeros(10_000)}, full)  # type: ignore[arg-type]
        elif writer == "numpy":
            np.savez(full, a=np.zeros(10_000))  # type: ignore[arg-type]
        else:
            full.write(json.dumps(list(range(10_000))).encode())

    with pytest.raises(StoreError, match=f"cannot write {path}: no space left on device"):
        write_atomic(path, write)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_schema_that_is_not_text_is_told_in_a_line(tmp_path: Path) -> None:
    """SQLite quotes the damaged schema in its answer, which Python cannot decode then."""
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    good = path.read_bytes()
    place = good.index(b"CREATE TABLE runs") + len("CREATE TABLE runs (")
    for byte in (0xB4, 0xFF):
        for offset in range(60):
            content = bytearray(good)
            content[place + offset] = byte
            path.write_bytes(content)
            with suppress(StoreError):
                Ledger(path).close()
