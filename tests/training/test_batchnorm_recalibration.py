"""Running statistics fit the weights as they are when a network is judged."""

from __future__ import annotations

import torch
from torch import nn

from study.networks import GOOGLENET
from study.spec import HyperParams, Scope
from study.training.batchnorm_recalibration import settle
from study.training.run import Workshop, run
from tests.training.conftest import SpecOf


def test_statistics_are_the_plain_mean_over_the_inputs() -> None:
    layer = nn.BatchNorm2d(3)
    layer.running_var.fill_(7.0)
    inputs = [torch.randn(8, 3, 4, 4) * 0.01 + k for k in range(4)]
    settle(layer, inputs, layer)
    means = torch.stack([batch.mean((0, 2, 3)) for batch in inputs])
    assert torch.allclose(layer.running_mean, means.mean(0), atol=1e-6)
    assert layer.running_var.max() < 1e-3 and layer.momentum == 0.1


def test_layers_in_evaluation_mode_are_left_alone() -> None:
    layer = nn.BatchNorm2d(3).eval()
    settle(layer, [torch.randn(8, 3, 4, 4) + 5], layer)
    assert layer.running_mean.tolist() == [0.0] * 3 and layer.running_var.tolist() == [1.0] * 3


def test_a_short_training_from_scratch_is_judged_above_chance(shop: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(
        GOOGLENET,
        Scope.FULL,
        hyper=HyperParams(lr=2e-3),
        train_images=1_024,
        rung=1_024,
        batch_size=64,
    )
    record = run(spec, shop).record
    assert record.history[-1].train_loss < 2.1
    assert record.val_accuracy is not None and record.val_accuracy > 0.25
