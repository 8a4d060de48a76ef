"""Every network that can be studied is torchvision's: its weights file, its layers and its names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from study.models import (
    build,
    layer_table,
    network_class,
    save_checkpoint,
    trunk_state,
    unfolded_state_dict,
)
from study.models.weights import imagenet_url
from study.networks import NETWORKS, VGG11, ModelName
from study.pretraining.weight_sources import checkpoint
from study.report.locale.messages import TEMPLATES, languages

#: torchvision's networks that can do without auxiliary heads ask for that.
_PLAIN = {"googlenet": {"aux_logits": False, "init_weights": False, "transform_input": False}}


@pytest.mark.parametrize("model", NETWORKS)
def test_the_weights_file_is_that_of_torchvision(model: ModelName) -> None:
    assert imagenet_url(model).rsplit("/", 1)[-1] == NETWORKS[model].weights_file


@pytest.mark.parametrize("model", NETWORKS)
def test_a_trained_network_loads_into_torchvisions_class(model: ModelName) -> None:
    network = build(model, weights=None, resolution=32, fold=False, seed=1).eval()
    theirs = get_model(NETWORKS[model].builder, weights=None, num_classes=10, **_PLAIN.get(model, {}))
    first = theirs.get_submodule(network.first_layer)
    assert isinstance(first, nn.Conv2d)
    grey = nn.Conv2d(1, first.out_channels, first.kernel_size, first.stride, first.padding)  # type: ignore[arg-type]
    if first.bias is None:
        grey.bias = None
    theirs.set_submodule(network.first_layer, grey)
    theirs.load_state_dict(unfolded_state_dict(network))
    x = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.allclose(theirs.eval()(x), network(x), atol=1e-5)


@pytest.mark.parametrize("model", NETWORKS)
def test_a_step_reaches_every_parameter(model: ModelName) -> None:
    network = build(model, weights=None, resolution=32, fold=True, seed=1)
    network(torch.randn(4, 1, 32, 32)).logsumexp(1).sum().backward()
    assert [name for name, each in network.named_parameters() if each.grad is None] == []
    names = _parameters(model)
    assert network.original_parameters == sum(
        value.numel() for name, value in unfolded_state_dict(network).items() if name in names
    )


def _parameters(model: ModelName) -> set[str]:
    """Returns the names of the parameters of torchvision's network."""
    with torch.device("meta"):
        return {name for name, _ in network_class(model).original().named_parameters()}


@pytest.mark.parametrize("model", NETWORKS)
def test_maps_and_table_follow_the_forward_pass(model: ModelName) -> None:
    network = build(model, weights=None, resolution=64, fold=False, seed=1).eval()
    seen: list[tuple[str, tuple[int, ...]]] = []
    for name in network.map_modules:
        network.get_submodule(name).register_forward_hook(
            lambda _, __, output, name=name: seen.append((name, tuple(output.shape)))
        )
    with torch.no_grad():
        network(torch.randn(1, 1, 64, 64))
    first = {name: shape for name, shape in reversed(seen)}
    assert [name for name in dict(seen)] == list(network.map_modules)
    assert all(len(shape) == 4 for shape in first.values())
    rows = layer_table(model)
    assert rows[0]["shape_before"].startswith("3×32×32") and rows[0]["shape_after"].startswith("1×32×32")
    assert len(rows) <= 40 and rows[-1]["kind"] == "Linear"


@pytest.mark.parametrize("lang", languages())
def test_the_report_has_a_paragraph_on_every_network(lang: str) -> None:
    assert {path.stem for path in (TEMPLATES / lang / "networks").glob("*.html")} == set(NETWORKS)


def test_vgg11_alone_has_no_batch_normalisation() -> None:
    for model, descriptor in NETWORKS.items():
        network = build(model, weights=None, resolution=32, fold=True, seed=0)
        has = any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
        assert has is descriptor.batch_norm is (model != VGG11)


def test_weights_of_networks_whose_first_layers_have_one_name_are_told_apart(tmp_path: Path) -> None:
    one, other = ModelName("mobilenet_v3_small"), ModelName("efficientnet_b0")
    path = tmp_path / "weights.pth"
    state = trunk_state(build(one, weights=None, resolution=32, fold=True, seed=0))
    save_checkpoint(path, state, {"source": "mine", "covers": "trunk"})
    assert checkpoint(one, path) is not None and checkpoint(other, path) is None
