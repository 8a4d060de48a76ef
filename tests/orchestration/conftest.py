"""Studies of these tests lie in memory: a disk that is shared takes a second for the files of one run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared import Shared

from benchmarks.chaos.children import in_memory


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with in_memory() as folder:
        yield folder


@pytest.fixture
def store(shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new database of MLflow, which takes seconds to make one, so that it is copied."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")  # is read when MLflow is imported

    def make(folder: Path) -> None:
        from study.tracking.mlflow_runs import _make_database

        _make_database(folder / "mlflow.db")
        assert [path.name for path in folder.iterdir()] == ["mlflow.db"]

    made = shared.folder("mlflow", make)
    shutil.copy(made / "mlflow.db", tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"
