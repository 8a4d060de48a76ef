"""Writes the files under results/ that are derived from the ledger, after each committed run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.errors import NotWritable
from study.matrix import arms
from study.orchestration.context import StudyContext
from study.orchestration.executors.tasks import run_arrays
from study.records import Reason, RunRecord, RunState
from study.spec import SHORTEST_RUNG, Purpose, RunSpec, StudySpec
from study.store.files import write_arrays, write_json
from study.store.ledger import Ledger
from study.store.tables import baselines_table, champion, standing, write_table, write_tables
from study.training.defaults import default_hyper

#: Ledger fact with what was declared before the first evaluation.
REGISTRATION = "preregistration"
#: Ledger facts that are also written as JSON files.
_FACTS = ("architecture", "pretraining", "witness", REGISTRATION)
#: Ledger fact with the rows of baselines.csv.
BASELINES = "baselines"
#: Share of this process's time that writing the files after commits may take.
_SHARE = 0.05


@dataclass(kw_only=True)
class ResultsWriter:
    """Writes the CSV and JSON files after commits; where commits follow quickly, once for several.

    Every time all files are rebuilt, which takes the longer the more runs there are. With many workers it
    would keep the coordinator from handing out tasks.
    """

    context: StudyContext
    _pending: bool = False
    _ended: float = 0.0
    _took: float = 0.0

    def note_commit(self) -> None:
        """Writes the files now, or at a later call of `write_pending`."""
        self._pending = True
        self.write_pending()

    def write_pending(self, *, at_once: bool = False) -> None:
        """Writes the files if a commit is not in them yet and, unless `at_once`, enough time has passed."""
        began = time.monotonic()
        if self._pending and (at_once or _SHARE * (began - self._ended) >= self._took):
            self._pending = not write_results(self.context)
            self._ended = time.monotonic()
            self._took = self._ended - began


def write_results(context: StudyContext) -> bool:
    """Writes the CSV and JSON files; an arm without a final run gets a row `skipped` with the reason.

    Returns:
        False if a file cannot be replaced, as where Excel keeps a table open under Windows. The ledger has
        everything, and the next call tries again.
    """
    reasons, why = context.specs.reasons, context.token.why
    try:
        export(context.ledger, context.study, context.options.results_dir, reasons, why)
    except NotWritable as error:
        advice = "close it if another program has it open; the tables are written as soon as they can be"
        context.note_once("tables_kept", f"{error}; {advice}")
        return False
    return True


def export(
    ledger: Ledger, study: StudySpec, folder: Path, reasons: dict[str, str], why: Reason = Reason.BUDGET
) -> None:
    """Writes the same files from a ledger; `why` is the reason for arms without one of their own."""
    records = ledger.records()
    done = {r.spec.arm for r in records if r.spec.purpose is Purpose.FINAL}
    missing = tuple(
        RunRecord(
            spec=RunSpec(
                arm=arm,
                purpose=Purpose.FINAL,
                seed=study.seed,
                hyper=default_hyper(arm),
                rung=SHORTEST_RUNG,
                train_images=study.data.train_images,
                resolution=study.resolution,
                dataset=study.dataset,
            ),
            state=RunState.SKIPPED,
            reason=reasons.get(arm.name, why.value),
        )
        for arm in arms(study.models)
        if arm not in done
    )
    write_tables((*records, *missing), folder)
    rows = ledger.fact(BASELINES)
    if rows is not None:
        write_table(folder / "baselines.csv", baselines_table(rows))
    environment: dict[str, Any] = ledger.fact("environment", {})
    write_json(folder / "environment.json", {**environment, "events": ledger.events()})
    write_json(folder / "plan.json", ledger.fact("plan", {}))
    for name in _FACTS:
        value = ledger.fact(name)
        if value is not None:
            write_json(folder / f"{name}.json", value)


def write_predictions(context: StudyContext) -> None:
    """Writes predictions.npz and artifacts/drift.npz from the arrays of the runs."""
    folder, shop = context.options.results_dir, context.shop
    records = [record for record in standing(context.ledger.records()) if record.finished]
    best = champion(context.ledger.records())
    order = shop.test_order.numpy()
    predictions: dict[str, npt.NDArray[Any]] = {
        "labels": shop.images.test_labels.numpy()[order].astype(np.uint8),
        "index": order,
    }
    drift: dict[str, npt.NDArray[Any]] = {}
    for record in [*records, *([best] if best is not None and best.finished else [])]:
        arrays, spec = run_arrays(folder, record.spec), record.spec
        name = f"{spec.run_id}.{spec.rung}"
        if "class" in arrays:
            predictions[f"{name}.class"] = arrays["class"]
        if "probabilities" in arrays and spec.purpose is Purpose.CHAMPION:
            predictions[f"{name}.probabilities"] = arrays["probabilities"]
        for quantity in ("stages", "relative_change", "cka"):
            if quantity in arrays:  # of the highest rung: they come in order of commit
                drift[f"{spec.run_id}.{quantity}"] = arrays[quantity]
    write_arrays(folder / "predictions.npz", predictions)
    if drift:
        write_arrays(folder / "artifacts" / "drift.npz", drift)
