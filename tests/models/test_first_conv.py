"""Other ways of adapting the first convolution change that layer and nothing else."""

from __future__ import annotations

import pytest
import torch

from study.errors import WeightsError
from study.models import Network, Weights, build, first_weight, trunk_state
from study.networks import DEFAULT, GOOGLENET, ModelName
from study.spec import FirstConv


def _weights(model: ModelName, channels: int) -> Weights:
    """A random trunk whose first layer sees so many channels."""
    state = trunk_state(build(model, weights=None, resolution=32, fold=True, seed=8))
    first = first_weight(model)
    generator = torch.Generator().manual_seed(1)
    shape = (64, channels, *state[first].shape[2:])
    state[first] = torch.randn(shape, generator=generator)
    return Weights(source="x", sha256="", state=state, channels=channels, covers="trunk")


def _build(weights: Weights | None, model: ModelName, first_conv: FirstConv | None = None) -> Network:
    return build(model, weights=weights, resolution=32, fold=True, seed=2, first_conv=first_conv)


def _changed(one: Network, other: Network) -> set[str]:
    state = other.state_dict()
    return {name for name, value in one.state_dict().items() if not torch.equal(value, state[name])}


@pytest.mark.parametrize("model", DEFAULT)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_fresh_first_convolution_is_that_of_scratch(model: ModelName, channels: int) -> None:
    weights = _weights(model, channels)
    usual, fresh = _build(weights, model), _build(weights, model, FirstConv.FRESH)
    scratch = _build(None, model)
    names = {name for name in usual.state_dict() if usual.stages[0].holds(name)}
    changed = _changed(fresh, usual)
    assert changed and changed <= names
    for name, value in fresh.first_conv().state_dict().items():
        assert torch.equal(value, scratch.first_conv().state_dict()[name])


@pytest.mark.parametrize("model", DEFAULT)
def test_the_mean_is_a_third_of_the_sum(model: ModelName) -> None:
    weights = _weights(model, 3)
    usual, mean = _build(weights, model), _build(weights, model, FirstConv.MEAN)
    assert _changed(mean, usual) == {
        name
        for name in usual.state_dict()
        if usual.get_submodule(name.rpartition(".")[0]) is usual.first_conv() and "weight" in name
    }
    assert torch.allclose(3 * mean.first_conv().weight, usual.first_conv().weight)


def test_one_channel_has_no_mean() -> None:
    with pytest.raises(WeightsError, match="no mean"):
        _build(_weights(GOOGLENET, 1), GOOGLENET, FirstConv.MEAN)
