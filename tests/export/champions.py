"""Ledgers of small studies, and champions that are nearly the same."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from study.explain.stored_champion import StoredChampion
from study.models import build
from study.records import RunRecord
from study.spec import StudySpec
from study.store.columns import PIXELS
from study.store.ledger import LEDGER, Ledger

FACTS = {
    "environment": {"device_name": "a processor | of `two` cores"},
    "baselines": [
        {"name": PIXELS, "train_images": 200, "test_images": 100, "test_accuracy": 0.73, "seconds": 0.1}
    ],
    "pretraining": {"resnet18": {"source": "fractal", "samples": 13_760, "categories": 64}},
}


def write_study(folder: Path, record: RunRecord, study: StudySpec | None = None, **facts: Any) -> None:
    """Writes a ledger that holds the record, and the facts of `FACTS` or others."""
    with closing(Ledger(folder / LEDGER)) as ledger:
        ledger.set_fact("study", (study or StudySpec()).to_dict())
        for name, value in {**FACTS, **facts}.items():
            ledger.set_fact(name, value)
        ledger.commit(record)


def other_champion(champion: StoredChampion) -> StoredChampion:
    """Returns a champion that differs by one bias of the output layer."""
    changed = build(champion.model, weights=None, resolution=champion.resolution, fold=True, seed=0)
    changed.load_state_dict(champion.network.state_dict())
    with torch.no_grad():
        changed.head.bias[3] += 0.01
    return replace(champion, network=changed.eval())
