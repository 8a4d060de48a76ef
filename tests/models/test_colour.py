"""Networks of three channels: the same on grey images as those of one, and torchvision's own on colours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import get_model

from study.data import augment, shades, to_input
from study.models import (
    Weights,
    adaptation_error,
    build,
    load_checkpoint,
    save_checkpoint,
    trunk_state,
    unfolded_state_dict,
)
from study.networks import NETWORKS, VGG11, ModelName

_PLAIN = {"googlenet": {"aux_logits": False, "init_weights": False, "transform_input": False}}


@pytest.mark.parametrize("model", NETWORKS)
def test_imagenet_weights_compute_the_same_in_three_channels(model: ModelName) -> None:
    assert adaptation_error(model, channels=3) < 1e-5


@pytest.mark.parametrize("model", NETWORKS)
def test_weights_of_one_channel_give_the_same_on_grey_images(model: ModelName) -> None:
    grey = build(model, weights=None, resolution=32, fold=True, seed=3)
    weights = Weights(source="x", sha256="", state=trunk_state(grey), channels=1, covers="trunk")
    one, three = (
        build(model, weights=weights, resolution=32, fold=True, seed=4, channels=channels).eval().double()
        for channels in (1, 3)
    )
    x = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(three.features(x.expand(-1, 3, -1, -1)), one.features(x), rtol=1e-6)


@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_in_colour_loads_into_torchvisions_class_as_it_is(model: ModelName) -> None:
    network = build(model, weights=None, resolution=32, fold=False, seed=1, channels=3).eval()
    theirs = get_model(NETWORKS[model].builder, weights=None, num_classes=10, **_PLAIN.get(model, {}))
    theirs.load_state_dict(unfolded_state_dict(network))
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(theirs.eval()(x), network(x), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_that_a_study_has_saved_is_not_normalised_again(channels: int, tmp_path: Path) -> None:
    network = build(VGG11, weights=None, resolution=32, fold=True, seed=3, channels=3)
    path = tmp_path / "champion.pth"
    save_checkpoint(path, unfolded_state_dict(network), {"model": "vgg11", "resolution": 32})
    weights, _ = load_checkpoint(path)
    again = build(VGG11, weights=weights, resolution=32, fold=True, seed=4, channels=channels)
    first = network.first_conv().weight
    wanted = first if channels == 3 else first.sum(1, keepdim=True)
    assert torch.equal(again.first_conv().weight, wanted)
    assert torch.equal(again.first_conv().bias, network.first_conv().bias)


def test_colours_become_planes_and_grey_values_one() -> None:
    images = torch.randint(0, 256, (4, 8, 8, 3), dtype=torch.uint8)
    x = to_input(images, 32)
    assert x.shape == (4, 3, 32, 32)
    for channel in range(3):
        assert torch.equal(x[:, channel : channel + 1], to_input(images[..., channel], 32))
    assert torch.equal(shades(images[..., :1]), images[..., 0])
    same = images[..., :1].expand(-1, -1, -1, 3)
    assert torch.equal(shades(same), images[..., 0])


def test_augmentation_moves_all_channels_alike() -> None:
    grey = torch.rand(16, 1, 32, 32)
    changed = [
        augment(x, torch.Generator().manual_seed(5), shift=0.1, erase=0.5)
        for x in (grey, grey.repeat(1, 3, 1, 1))
    ]
    assert torch.equal(changed[1], changed[0].repeat(1, 3, 1, 1))
