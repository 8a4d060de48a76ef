"""Computes what is stored of an evaluated network beside its record: predictions, drift, the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.explain.drift import activation_similarity, relative_change
from study.explain.snapshots import CHAMPION, is_compared, keep_network
from study.explain.untrained import fresh_network
from study.models import Network, save_checkpoint, unfolded_state_dict
from study.records import RunRecord
from study.spec import Init, Purpose, RunSpec, Scope
from study.training.evaluate import probabilities
from study.training.run import Outcome
from study.training.workshop import Workshop

Arrays = dict[str, npt.NDArray[Any]]

#: Networks are compared with their initial state from this rung on. At 2,000 samples of GoogLeNet the
#: comparison made the evaluation longer by half.
CHANGE_FROM = 4_000


def first_seed(spec: RunSpec) -> bool:
    """Whether the run has the seed whose networks the report explains."""
    return spec.seed % 100_000 == 1


def artifacts_of(outcome: Outcome, shop: Workshop, object_index: int) -> Arrays:
    """Computes the arrays of a finished run that was evaluated on the test set.

    Returns:
        An empty mapping for other runs. Else
        ``class`` uint8 [n] and ``probabilities`` float16 [n, C] of the first images in test order,
        ``object`` float16 [C] of the chosen test object; of full runs of the matrix from
        `CHANGE_FROM` on ``stages`` (text), ``relative_change`` and, from pre-trained weights, ``cka``
        float32, one for each stage.
    """
    record, network = outcome.record, outcome.network
    spec = record.spec
    if network is None or outcome.test_probabilities is None or spec.purpose is Purpose.SIDE:
        return {}
    chosen = shop.images.test_images[object_index][None]
    arrays: Arrays = {
        "class": outcome.test_probabilities.argmax(1).astype(np.uint8),
        "probabilities": outcome.test_probabilities.astype(np.float16),
        "object": probabilities(network, chosen, spec.resolution, shop.runtime)[0].astype(np.float16),
    }
    if spec.purpose is Purpose.FINAL and spec.arm.scope is Scope.FULL and spec.rung >= CHANGE_FROM:
        arrays |= _change(network, record, shop)
    return arrays


def keep_weights(outcome: Outcome, results: Path) -> str:
    """Stores the network of a champion or of a run that the report explains.

    Returns:
        The name of the file under ``checkpoints/``; empty for other runs.

    Raises:
        StoreError: the file cannot be written.
    """
    record, network = outcome.record, outcome.network
    spec = record.spec
    if network is None:
        return ""
    if spec.purpose is Purpose.FINAL and is_compared(spec.arm) and first_seed(spec):
        return keep_network(network, record, results / "checkpoints").name
    if spec.purpose is Purpose.CHAMPION:
        meta = {
            "source": f"study:{spec.run_id}",
            "model": spec.arm.model,
            "resolution": spec.resolution,
            "covers": "network",
            "run_id": spec.run_id,
            "rung": spec.rung,
        }
        save_checkpoint(results / "checkpoints" / CHAMPION, unfolded_state_dict(network), meta)
        return CHAMPION
    return ""


def _change(network: Network, record: RunRecord, shop: Workshop) -> Arrays:
    before = fresh_network(record, shop)
    change = relative_change(before, network)
    found: Arrays = {
        "stages": np.array(list(change)),
        "relative_change": np.array(list(change.values()), np.float32),
    }
    if record.spec.arm.init is Init.PRETRAINED:  # only pre-trained features can be retained
        alike = activation_similarity(before, network, record.spec.resolution, shop)
        found["cka"] = np.array(list(alike.values()), np.float32)
    return found
