"""Everything under results/ that is rebuilt from the ledger after each committed run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.errors import StoreError
from study.matrix import arms
from study.records import Reason, RunRecord, RunState
from study.spec import Purpose, RunSpec, StudySpec
from study.store.files import write_arrays, write_json
from study.store.ledger import Ledger
from study.store.reading import read_arrays
from study.store.tables import write_tables
from study.training.defaults import default_hyper


def write_results(
    ledger: Ledger, study: StudySpec, folder: Path, reasons: dict[str, str], why: Reason = Reason.BUDGET
) -> None:  # fmt: skip
    """CSV and JSON files; arms without a final run get a row `skipped` with its reason, or else `why`."""
    records = ledger.records()
    done = {r.spec.arm for r in records if r.spec.purpose is Purpose.FINAL}
    missing = tuple(
        RunRecord(
            spec=RunSpec(
                arm=arm, purpose=Purpose.FINAL, seed=study.seed, hyper=default_hyper(arm),
                train_images=1, samples=1, resolution=study.resolution,
            ),
            state=RunState.SKIPPED,
            reason=reasons.get(arm.name, why.value),
        )
        for arm in arms(study.models)
        if arm not in done
    )  # fmt: skip
    write_tables((*records, *missing), folder)
    environment: dict[str, Any] = ledger.fact("environment", {})
    write_json(folder / "environment.json", {**environment, "events": ledger.events()})
    write_json(folder / "plan.json", ledger.fact("plan", {}))
    for name in ("architecture", "pretraining", "witness"):
        value = ledger.fact(name)
        if value is not None:
            write_json(folder / f"{name}.json", value)


def require_sound(folder: Path) -> None:
    """Refuse what no ledger can rebuild and a resumed study would add to.

    Raises:
        StoreError: predictions or changes of weights are damaged.
    """
    for path in (folder / "predictions.npz", folder / "artifacts" / "drift.npz"):
        try:
            read_arrays(path)
        except StoreError as error:
            raise StoreError(f"{error}; move {path} away to go on without it") from error


class ArrayFile:
    """An .npz that grows with the runs; written whole and atomically at every addition."""

    def __init__(self, path: Path) -> None:
        """Go on with what is there.

        Raises:
            StoreError: the file is damaged.
        """
        self._path = path
        self._arrays = read_arrays(path)

    def update(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self._arrays |= arrays
        write_arrays(self._path, self._arrays)


class Predictions(ArrayFile):
    """predictions.npz: the test predictions of every finished final run."""

    def probabilities(self, run_id: str) -> npt.NDArray[np.float32]:
        """float32 [10000, 10] of a run that was added."""
        return self._arrays[f"{run_id}.probabilities"].astype(np.float32)

    def add(
        self, run_id: str, probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
    ) -> None:
        self.update(
            {
                "labels": labels.astype(np.uint8),
                f"{run_id}.class": probabilities.argmax(1).astype(np.uint8),
                f"{run_id}.probabilities": probabilities.astype(np.float16),
            }
        )
