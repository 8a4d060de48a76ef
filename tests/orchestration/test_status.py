"""What `status` tells of a ledger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from study.matrix import arms
from study.orchestration.status import status
from study.planning.plan import Decision
from study.spec import Init, ModelName
from study.store.ledger import Ledger

ARMS = arms((ModelName.GOOGLENET,))
DECISION = Decision(
    samples=192, trial_samples=192, train_images=128, batch_size=32, seeds=3, trials=2,
    validation_images=100, resolution=32, predicted_seconds=0.0,
)  # fmt: skip
SCRATCH = [arm for arm in ARMS if arm.init is Init.SCRATCH]


@pytest.mark.parametrize(("entry", "number"), [({"sha256": "00"}, len(ARMS)), ({}, len(SCRATCH))])
def test_runs_of_arms_without_weights_are_not_planned(
    tmp_path: Path, entry: dict[str, str], number: int
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("plan", {"budget_seconds": 600, "decisions": {"googlenet": asdict(DECISION)}})
    ledger.set_fact("pretraining", {"googlenet": entry | {"reason": ""}})
    ledger.close()
    told = status(tmp_path)
    assert f"trial runs: none of {2 * number} planned" in told
    assert f"final runs: none of {3 * number} planned" in told
