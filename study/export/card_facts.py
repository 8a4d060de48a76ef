"""Collects what a model card says of a champion from the ledger and the predictions of its study."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.analysis.arms import Row, key
from study.analysis.interval import share_interval
from study.analysis.predictions import confusion
from study.datasets import DatasetDescriptor
from study.errors import StoreError
from study.explain.doubt import SURE
from study.explain.stored_champion import StoredChampion
from study.models.weights import IMAGENET
from study.orchestration.results_export import BASELINES
from study.orchestration.settings import settings
from study.pretraining import SOURCE
from study.records import RunRecord
from study.spec import Init
from study.store.columns import PIXELS
from study.store.ledger import LEDGER, Ledger
from study.store.safe_load import Arrays, read_arrays
from study.store.tables import champion as last_champion


class Start(Enum):
    """Where the initial values of a network come from."""

    IMAGENET = "imagenet"
    FRACTALS = "fractals"
    RANDOM = "random"
    GIVEN = "given"


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """How a network does on the test images of one class.

    Attributes:
        name: of the class.
        precision: in [0, 1].
        recall: in [0, 1].
        f1: in [0, 1].
        images: number of test images of the class.
    """

    name: str
    precision: float
    recall: float
    f1: float
    images: int


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """How many answers on test images `predict` would call doubtful.

    Attributes:
        wrong: number of wrong answers.
        wrong_doubted: number of these whose probability is below `study.explain.doubt.SURE`.
        right: number of right answers.
        right_doubted: number of these whose probability is below it.
    """

    wrong: int
    wrong_doubted: int
    right: int
    right_doubted: int


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a card says of a champion.

    Attributes:
        champion: as its file holds it.
        record: of its run, with a test accuracy.
        start: where its initial values come from.
        right: number of test images that it classifies correctly.
        images: number of test images.
        low: lower end of the exact 95 % interval of the accuracy.
        high: its upper end.
        classes: scores by class; none without stored predictions.
        doubt: doubtful answers; None without stored probabilities.
        pixels: the row of the softmax regression on pixels in baselines.csv; None if it was not measured.
        pretraining: the entry of the network in pretraining.json; empty if there is none.
        environment: environment.json without its events.
    """

    champion: StoredChampion
    record: RunRecord
    start: Start
    right: int
    images: int
    low: float
    high: float
    classes: tuple[ClassScores, ...]
    doubt: Doubt | None
    pixels: dict[str, Any] | None
    pretraining: dict[str, Any]
    environment: dict[str, Any]


def card_facts(results_dir: Path, champion: StoredChampion) -> CardFacts:
    """Reads what a card needs; nothing is written.

    Args:
        results_dir: the results directory of a study.
        champion: the stored network.

    Raises:
        StoreError: there is no ledger, it is damaged, or it holds no test accuracy of this very network.
    """
    path = results_dir / LEDGER
    if not path.is_file():
        raise StoreError(f"{results_dir} holds no {LEDGER}, from which a model card takes its numbers")
    with closing(Ledger(path, read_only=True)) as ledger:
        record = _record(ledger, champion)
        study = settings(ledger)
        given = study.init_checkpoint if study is not None else ""
        rows = ledger.fact(BASELINES, [])
        pretraining = ledger.fact("pretraining", {}).get(champion.model, {})
        environment = ledger.fact("environment", {})
    assert record.test_accuracy is not None and record.test_images is not None
    right = round(record.test_accuracy * record.test_images)
    low, high = share_interval(right, record.test_images)
    arrays = read_arrays(results_dir / "predictions.npz", len(champion.data.classes))
    start = _start(record, given)
    return CardFacts(
        champion=champion,
        record=record,
        start=start,
        right=right,
        images=record.test_images,
        low=low,
        high=high,
        classes=_classes(record, arrays, champion.data),
        doubt=_doubt(record, arrays),
        pixels=next((row for row in rows if row["name"] == PIXELS), None),
        pretraining=pretraining if start is Start.FRACTALS else {},
        environment=environment,
    )


def _record(ledger: Ledger, champion: StoredChampion) -> RunRecord:
    record = last_champion(ledger.records())
    judged = record is not None and record.finished and record.test_accuracy is not None
    if record is None or not judged or not record.test_images:
        raise StoreError(f"{ledger.path} holds no champion with a test accuracy")
    if record.spec.key != (champion.run_id, champion.rung):
        stored = f"{champion.run_id} @ {champion.rung:,}" if champion.run_id else "no run"
        raise StoreError(
            f"{champion.path} names {stored}, the champion of {ledger.path.name} is {record.spec.name}; "
            "a card would tell the numbers of another network"
        )
    return record


def _start(record: RunRecord, given: str) -> Start:
    """Returns the origin; of a file that the user gave, the study knows nothing, whatever the file says."""
    spec = record.spec
    if spec.arm.init is Init.SCRATCH:
        return Start.RANDOM
    if given and spec.weights_sha256 == given:
        return Start.GIVEN
    return {IMAGENET: Start.IMAGENET, SOURCE: Start.FRACTALS}.get(spec.init_source, Start.GIVEN)


def _predictions(record: RunRecord, arrays: Arrays, what: str) -> npt.NDArray[Any] | None:
    """Returns the predicted classes (``class``) or class probabilities of a run, None if not stored."""
    return arrays.get(f"{key(_row(record))}.{what}")


def _row(record: RunRecord) -> Row:
    return {"run_id": record.spec.run_id, "rung": record.spec.rung}


def _classes(record: RunRecord, arrays: Arrays, data: DatasetDescriptor) -> tuple[ClassScores, ...]:
    labels, predicted = arrays.get("labels"), _predictions(record, arrays, "class")
    if labels is None or predicted is None:
        return ()
    row = _row(record)
    scores = confusion(row, {key(row): predicted}, labels, len(data.classes)).numbers["classes"]
    return tuple(ClassScores(name=name, **own) for name, own in zip(data.classes, scores, strict=True))


def _doubt(record: RunRecord, arrays: Arrays) -> Doubt | None:
    labels = arrays.get("labels")
    predicted, shares = (_predictions(record, arrays, what) for what in ("class", "probabilities"))
    if labels is None or predicted is None or shares is None or len(predicted) != len(shares):
        return None
    right = predicted == labels[: len(predicted)]
    doubted = shares.astype(np.float32).max(1) < SURE
    return Doubt(
        wrong=int((~right).sum()),
        wrong_doubted=int((~right & doubted).sum()),
        right=int(right.sum()),
        right_doubted=int((right & doubted).sum()),
    )
