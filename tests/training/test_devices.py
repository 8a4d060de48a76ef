"""The same run on every device that this machine has: CUDA is tested where it exists."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from study.records import RunState
from study.spec import ModelName, Precision, Scope
from study.training.run import Workshop, run
from study.training.runtime import detect
from tests.training.conftest import SpecOf

DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("precision", [Precision.FP32, Precision.BF16])
@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("model", list(ModelName))
def test_a_run_learns_on_the_device(
    shop: Workshop, spec_of: SpecOf, model: ModelName, scope: Scope, precision: Precision, device: str
) -> None:
    shop = replace(shop, runtime=detect(device, precision.value))
    outcome = run(spec_of(model, scope, precision=precision), shop)
    record = outcome.record
    assert record.state is RunState.FINISHED, record.reason
    assert outcome.network is not None and outcome.network.head.weight.device.type == device
    losses = [point.train_loss for point in record.history]
    assert len(losses) == 2 and losses[-1] < 2.5
    assert record.peak_memory_mb is not None and record.peak_memory_mb > 0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("model", list(ModelName))
def test_the_device_does_not_change_what_a_head_learns(
    shop: Workshop, spec_of: SpecOf, model: ModelName, device: str
) -> None:
    """In float32, up to the order of sums."""
    spec = spec_of(model, Scope.FROZEN)
    heads = [
        run(spec, replace(shop, runtime=detect(name, "fp32"))).network for name in ("cpu", device)
    ]
    first, second = (head.head.weight.detach().cpu() for head in heads if head is not None)
    assert float((first - second).abs().max()) <= 1e-2 * float(first.abs().max())
