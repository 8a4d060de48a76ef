"""Toy studies that are killed at boundaries and at random moments: the quick form of benchmarks.chaos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos.children import Watched, ended, in_memory, left_of_group
from benchmarks.chaos.kills import boundary_kills, random_kills
from benchmarks.chaos.starts import two_coordinators

pytestmark = pytest.mark.xdist_group("kills")


@pytest.fixture
def memory() -> Iterator[Path]:
    with in_memory() as folder:
        yield folder


def test_kills_at_random_moments_lose_nothing(memory: Path) -> None:
    row = random_kills(memory, kills=12, seed=11, workers=2)
    assert row["faults"] == [] and row["tried"] == 12 and row["repairs"] == 0
    assert row["after_commits"] >= 3


def test_a_kill_at_any_boundary_leaves_before_or_after(memory: Path) -> None:
    row = boundary_kills(memory, times=1, seed=12, workers=2)
    assert row["faults"] == [] and set(row["boundaries"].values()) == {1}


def test_of_two_coordinators_one_wins(memory: Path) -> None:
    row = two_coordinators(memory, starts=1)
    assert [fault for fault in row["faults"] if "until the exit" not in fault] == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rebuilt_search_is_told_and_the_study_ends_as_ever(memory: Path, workers: int) -> None:
    unbroken = Watched(memory / "unbroken")
    assert ended(unbroken.start()) == 0
    study = Watched(memory / "damaged", workers)
    study.results.mkdir(parents=True)
    (study.results / "optuna.db").write_bytes(b"not a database" * 500)
    assert ended(study.start()) == 0, study.said
    assert "the search was rebuilt from the ledger" in study.said
    assert '"storage_rebuilt"' in (study.results / "environment.json").read_text()
    assert study.outcome() == unbroken.outcome()
    assert [f for f in study.faults(complete=True) if not f.startswith("set aside")] == []
    assert len(list(study.results.glob("optuna.db.damaged-*"))) == 1, "one file was damaged"


@pytest.mark.parametrize("limit", [30_000, 120_000, 200_000])
def test_a_disk_that_takes_nothing_more_ends_the_study_with_a_line(memory: Path, limit: int) -> None:
    study = Watched(memory / "study", workers=2)
    process = study.start(limit=limit)
    assert ended(process) == 2
    last = study.said.strip().splitlines()[-1]
    assert last.startswith("error: cannot ") and str(study.results) in last, study.said
    assert study.faults() == []
    assert process.pid is not None and left_of_group(process.pid) == []
    assert ended(study.start()) == 0, study.said
    assert study.faults(complete=True) == []
