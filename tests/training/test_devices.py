"""The same run on every device that this machine has: CUDA is tested where it exists."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from study.data import to_input
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.records import RunState
from study.spec import Precision, Scope
from study.training import evaluate
from study.training.run import Workshop, run
from study.training.runtime import detect
from tests.training.conftest import SpecOf

DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
#: bf16 of one network: a processor that only emulates it takes minutes for VGG11.
CASES = (
    (VGG11, Precision.FP32),
    (GOOGLENET, Precision.FP32),
    (GOOGLENET, Precision.BF16),
)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(("model", "precision"), CASES)
def test_a_run_learns_on_the_device(
    shop: Workshop, spec_of: SpecOf, model: ModelName, scope: Scope, precision: Precision, device: str
) -> None:
    shop = replace(shop, runtime=detect(device, precision.value))
    outcome = run(spec_of(model, scope, precision=precision), shop)
    record = outcome.record
    assert record.state is RunState.FINISHED, record.reason
    assert outcome.network is not None and outcome.network.head.weight.device.type == device
    losses = [point.train_loss for point in record.history]
    assert losses and losses[-1] < 2.5
    assert record.peak_memory_mb is not None and record.peak_memory_mb > 0


def test_bf16_that_a_device_only_emulates_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_turing(including_emulation: bool = True) -> bool:
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", as_turing)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Turing")
    assert detect("cuda").precision is Precision.FP32


def test_a_head_is_checked_on_the_batch_that_its_features_come_from(
    small: Workshop, spec_of: SpecOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device may round a batch of another size otherwise, with kernels made for that size."""

    def rounded_by_size(images: torch.Tensor, resolution: int) -> torch.Tensor:
        return to_input(images, resolution) * (1 + len(images) / 1_000)

    monkeypatch.setattr(evaluate, "to_input", rounded_by_size)
    spec = spec_of(GOOGLENET, Scope.FROZEN, train_images=110, rung=110)
    record = run(spec, small).record
    assert record.state is RunState.FINISHED, record.reason


@pytest.mark.skipif(len(DEVICES) == 1, reason="there is no other device")
@pytest.mark.parametrize("device", DEVICES[1:] or DEVICES)
@pytest.mark.parametrize("model", DEFAULT)
def test_the_device_does_not_change_what_a_head_learns(
    shop: Workshop, spec_of: SpecOf, model: ModelName, device: str
) -> None:
    """In float32, up to the order of sums."""
    spec = spec_of(model, Scope.FROZEN)
    heads = [run(spec, replace(shop, runtime=detect(name, "fp32"))).network for name in ("cpu", device)]
    first, second = (head.head.weight.detach().cpu() for head in heads if head is not None)
    assert float((first - second).abs().max()) <= 1e-2 * float(first.abs().max())
