"""Learning rates by stage: complete, disjoint, and geometric from the head down."""

from __future__ import annotations

import pytest

from study.models import build
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.spec import HyperParams
from study.training.param_groups import param_groups


@pytest.mark.parametrize("model", DEFAULT)
@pytest.mark.parametrize("decay", [None, 2.6])
def test_every_parameter_is_in_exactly_one_group(model: ModelName, decay: float | None) -> None:
    network = build(model, weights=None, resolution=32, fold=True, seed=0)
    groups = param_groups(network, HyperParams(lr=1e-3, lr_decay=decay))
    ids = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(ids) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.parametrize("model", DEFAULT)
def test_a_stage_gets_the_rate_of_its_distance_from_the_head(model: ModelName) -> None:
    network = build(model, weights=None, resolution=32, fold=False, seed=0)
    groups = param_groups(network, HyperParams(lr=1e-3, lr_decay=2.0))
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    last = len(network.stages) - 1
    for name, parameter in network.named_parameters():
        distance = last - network.stage_of(name)
        assert rate[id(parameter)] == pytest.approx(1e-3 / 2.0**distance), name
    assert rate[id(network.head.weight)] == 1e-3


def test_the_folded_layer_gets_49_times_the_rate_and_a_49th_of_the_decay() -> None:
    network = build(VGG11, weights=None, resolution=32, fold=True, seed=0)
    groups = param_groups(network, HyperParams(lr=1e-3, weight_decay=0.1))
    found = {round(g["lr"] / 1e-3): g["weight_decay"] for g in groups}
    assert found == {1: pytest.approx(0.1), 49: pytest.approx(0.1 / 49)}


def test_a_frozen_network_trains_its_head_only() -> None:
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0)
    network.freeze()
    (group,) = param_groups(network, HyperParams(lr=1e-3))
    assert {id(p) for p in group["params"]} == {id(p) for p in network.head.parameters()}
