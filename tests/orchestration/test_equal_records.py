"""One worker, two or four: the same records, predictions and weights, bit for bit."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_study import ARMS, LEAST, MODEL, measured, opened
from watched_executor import needs_ray, opened_in

from benchmarks.chaos.nodes import ray_cluster
from study.data import LabelledImages
from study.models import Weights, build, load_checkpoint, save_checkpoint
from study.orchestration.executors.protocol import Executor
from study.orchestration.phases.matrix import matrix
from study.orchestration.phases.seeds import chains
from study.orchestration.phases.tuning import tuning
from study.planning.plan import Step
from study.records import RunRecord
from study.spec import Scope
from study.training.checkpoint import trunk, unfinished

STEP = Step(models=(MODEL,), seeds=1, rung=2 * LEAST)
#: Matrix, one trial and the second rung, of each arm.
RUNS = 3 * len(ARMS)


def weights_of(folder: Path) -> Weights:
    """Pre-trained weights that were never trained: what they are worth is nothing to this test."""
    path = folder / "own.pth"
    body = build(MODEL, weights=None, resolution=32, fold=True, seed=5).body
    save_checkpoint(path, body.state_dict(), {"source": "mine", "covers": "trunk"})
    return load_checkpoint(path)[0]


def made_with(
    workers: int, folder: Path, fashion: LabelledImages, executor: Executor | None = None
) -> dict[str, Any]:
    """All that a small matrix leaves which no clock has a part in."""
    with opened(folder, fashion, workers=workers, executor=executor, weights=weights_of(folder)) as study:
        matrix(study.context, *study.work)
        tuning(study.context, *study.work)
        study.scheduler.run(chains(study.context, study.lifecycle, STEP))
        assert [record.reason for record in study.records if not record.finished] == []
        records = {record.spec.key: measured(record) for record in study.records}
        assert study.context.plan.step_seconds > 0
    arrays = {path.name: _arrays(path) for path in (folder / "artifacts" / "runs").iterdir()}
    states: dict[str, str] = {}
    for path in (folder / "checkpoints").glob("explained-*.pth"):
        states[path.name] = _digest(torch.load(path, weights_only=True)["state"])
    for record in records.values():
        if record.spec.arm.scope is Scope.FULL and record.spec.rung == STEP.rung:
            kept, unusable = trunk(folder, record.spec.run_id).load()
            assert kept is not None and not unusable
            states[record.spec.run_id] = _digest(kept["network"])
    assert len(list(unfinished(folder).glob("*.pt"))) == 2, "one of each trunk that may go on"
    return {"records": records, "arrays": arrays, "states": states}


def _arrays(path: Path) -> dict[str, str]:
    with np.load(path) as stored:
        return {name: hashlib.sha256(stored[name].tobytes()).hexdigest() for name in stored.files}


def _digest(state: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def alone(fashion: LabelledImages, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one worker makes."""
    return made_with(1, tmp_path_factory.mktemp("alone"), fashion)


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.long)])
def test_the_number_of_workers_changes_no_bit(
    workers: int, alone: dict[str, Any], fashion: LabelledImages, tmp_path: Path
) -> None:
    assert len(alone["records"]) == RUNS
    assert len(alone["arrays"]) == 2 * len(ARMS), "of every judgement on test"
    assert len(alone["states"]) == 3 + 2, "three explained networks, two trunks"
    beside = made_with(workers, tmp_path, fashion)
    assert beside["records"] == alone["records"]
    assert beside["arrays"] == alone["arrays"]
    assert beside["states"] == alone["states"]


@needs_ray
@pytest.mark.long
def test_a_cluster_changes_no_bit(alone: dict[str, Any], fashion: LabelledImages, tmp_path: Path) -> None:
    with ray_cluster(2) as cluster, opened_in(cluster, tmp_path, fashion) as watched:
        assert made_with(2, tmp_path, fashion, watched.executor) == alone


def test_arms_and_rungs_differ(alone: dict[str, Any]) -> None:
    """Else the test above would hold for records that say nothing."""
    records: dict[tuple[str, int], RunRecord] = alone["records"]
    told = {(record.val_loss, record.test_loss) for record in records.values()}
    assert len(told) == RUNS
    assert len(set(alone["states"].values())) == len(alone["states"])
