"""Optuna's file may be torn, wrong, locked or gone at any time: the search goes on from the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from study.matrix import arms
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec
from study.tuning import Search

ARM = arms()[-1]


def _record(number: int, hyper: HyperParams, state: RunState = RunState.FINISHED) -> RunRecord:
    spec = RunSpec(arm=ARM, purpose=Purpose.TRIAL, seed=0, hyper=hyper, rung=10, trial=number)
    point = EvaluationPoint(
        samples_seen=10, seconds=1, train_loss=1, val_accuracy=0.5 + number / 100, val_loss=1
    )
    return RunRecord(spec=spec, state=state, val_accuracy=point.val_accuracy, history=(point,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "optuna.db"


@pytest.fixture
def known(path: Path) -> tuple[RunRecord, ...]:
    """Five trials that the ledger has, one of them failed, and Optuna has as they are."""
    known: tuple[RunRecord, ...] = ()
    for number in range(5):
        search = Search(path, ARM, seed=1, known=known)
        hyper = search.ask(number)
        record = _record(number, hyper, RunState.FAILED if number == 3 else RunState.FINISHED)
        search.tell(record)
        known = (*known, record)
    return known


def _trials(path: Path) -> list[tuple[str, str]]:
    study = optuna.load_study(storage=f"sqlite:///{path}", study_name=ARM.name)
    found = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return sorted((trial.user_attrs["run_id"], trial.state.name) for trial in found)


def _wanted(known: tuple[RunRecord, ...]) -> list[tuple[str, str]]:
    names = {RunState.FINISHED: "COMPLETE"}
    return sorted((r.spec.run_id, names[r.state]) for r in known if r.state in names)


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flipped(path: Path) -> None:
    """Every page but the first: the file opens, its trees are broken."""
    content = bytearray(path.read_bytes())
    for place in range(4_096, len(content), 4_096):
        content[place : place + 8] = b"\xff" * 8
    path.write_bytes(content)


def _other(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE runs (name TEXT)")


@pytest.mark.parametrize(
    "damage",
    [
        _torn,
        _flipped,
        _other,
        lambda path: path.write_bytes(b"not a database" * 500),
        lambda path: path.write_bytes(path.read_bytes()[:50]),
    ],
    ids=["torn", "flipped", "other tables", "not a database", "a stump"],
)
def test_a_damaged_storage_is_set_aside_and_built_anew(
    damage: Callable[[Path], None], path: Path, known: tuple[RunRecord, ...], tmp_path: Path
) -> None:
    expected = Search(path, ARM, seed=1, known=known).ask(5)
    damage(path)
    content, told = path.read_bytes(), list[str]()
    asked = Search(path, ARM, seed=1, known=known, on_rebuilt=told.append).ask(5)
    (aside,) = tmp_path.glob("optuna.db.damaged-*")
    assert aside.read_bytes() == content
    assert len(told) == 1 and told[0].endswith(f"kept as {aside.name}") and "\n" not in told[0]
    assert _trials(path) == _wanted(known)
    assert asked == expected  # what it has learnt is not lost either


def test_a_storage_that_is_gone_is_built_anew_and_told(path: Path, known: tuple[RunRecord, ...]) -> None:
    path.unlink()
    told: list[str] = []
    Search(path, ARM, seed=1, known=known, on_rebuilt=told.append)
    assert told == ["optuna.db was gone"] and _trials(path) == _wanted(known)
    Search(path, ARM, seed=1, known=known, on_rebuilt=told.append)
    assert len(told) == 1


def test_a_storage_that_another_program_locks_is_left_to_it(
    path: Path, known: tuple[RunRecord, ...]
) -> None:
    told: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        Search(path, ARM, seed=1, known=known, on_rebuilt=told.append)
        assert _trials(path) == _wanted(known)
    assert len(told) == 1 and "locked" in told[0]


def test_a_storage_damaged_in_the_middle_of_a_trial_costs_nothing(
    path: Path, known: tuple[RunRecord, ...]
) -> None:
    told: list[str] = []
    search = Search(path, ARM, seed=1, known=known, on_rebuilt=told.append)
    record = _record(5, search.ask(5))
    path.write_bytes(b"\x00" * path.stat().st_size)
    search.tell(record)
    assert told and _trials(path) == _wanted((*known, record))


def test_other_trials_than_the_ledgers_are_set_aside(path: Path, known: tuple[RunRecord, ...]) -> None:
    told: list[str] = []
    Search(path, ARM, seed=1, known=known[:3], on_rebuilt=told.append)
    assert len(told) == 1 and "not those of the ledger" in told[0]
    assert _trials(path) == _wanted(known[:3])


def test_what_a_killed_study_left_open_is_settled(path: Path) -> None:
    first = Search(path, ARM, seed=1, known=())
    record = _record(0, first.ask(0))
    assert first._trial is not None
    first._trial.set_user_attr("run_id", record.spec.run_id)  # killed before the outcome was told
    again = Search(path, ARM, seed=1, known=(record,))
    assert _trials(path) == _wanted((record,))
    again._study.enqueue_trial({"lr": record.spec.hyper.lr})  # killed before the question
    last = Search(path, ARM, seed=1, known=(record,))
    assert last.ask(1).lr != record.spec.hyper.lr
    assert _trials(path) == _wanted((record,))


def test_a_search_whose_file_another_one_has_replaced_does_not_write_into_it(
    path: Path, known: tuple[RunRecord, ...]
) -> None:
    """Two arms have a trial in flight when one of them finds the file damaged and builds it anew."""
    told: list[str] = []
    flying = Search(path, ARM, seed=1, known=known, on_rebuilt=told.append)
    record = _record(5, flying.ask(5))
    path.write_bytes(b"not a database" * 500)
    other = arms()[0]
    Search(path, other, seed=1, known=(), on_rebuilt=told.append).ask(0)
    flying.tell(record)
    assert len(told) == 1, "a sound file is not set aside"
    assert _trials(path) == _wanted((*known, record))
    open_trials = optuna.load_study(storage=f"sqlite:///{path}", study_name=other.name).get_trials()
    assert [trial.state.name for trial in open_trials] == ["RUNNING"]


@pytest.mark.parametrize("begun", [True, False], ids=["a file that is there", "a new file"])
def test_a_search_whose_file_the_system_refuses_goes_on_in_memory(
    begun: bool, path: Path, known: tuple[RunRecord, ...]
) -> None:
    """A folder where SQLite wants its journal is refused as some network shares refuse its calls."""
    expected = Search(path, ARM, seed=1, known=known).ask(5)
    if not begun:
        path.unlink()
    before = path.read_bytes() if begun else b""
    path.with_name("optuna.db-journal").mkdir()
    rebuilt, memory = list[str](), list[str]()
    for _ in range(2):
        search = Search(path, ARM, seed=1, known=known, on_rebuilt=rebuilt.append, on_memory=memory.append)
        record = _record(5, search.ask(5))
        assert record.spec.hyper == expected
        search.tell(record)
    assert rebuilt == [] and len(memory) == 2 and memory[0] == memory[1]
    assert memory[0].startswith("optuna.db: ") and memory[0].endswith("; the search goes on in memory")
    assert not list(path.parent.glob("*.damaged-*"))
    assert not begun or path.read_bytes() == before
