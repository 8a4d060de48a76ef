"""Grad-CAM: the layer, planted evidence, the choice of objects, and the file that is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from finished import record_of
from torch import Tensor, nn

from study.data import to_input
from study.explain.gradcam import (
    SAMPLED,
    Layer,
    grad_cam,
    inside_share,
    most_disputed,
    target_layer,
    write_gradcam,
)
from study.explain.snapshots import Kept
from study.explain.untrained import fresh_network
from study.models import build
from study.models.adapt import sum_channels
from study.models.network import Network, Stage
from study.networks import GOOGLENET, NETWORKS, VGG11, ModelName
from study.spec import Init, Scope
from study.training.run import Workshop


class _Halves(nn.Module):
    """Brightness of the left half in channel 0, of the right half in channel 1."""

    def forward(self, x: Tensor) -> Tensor:
        left = (torch.arange(8) < 4).float()
        coarse = nn.functional.avg_pool2d((x + 1) / 2, 4)
        return torch.cat([coarse * left, coarse * (1 - left)], dim=1)


class _OneSided(Network):
    """Class 0 rests on the left half of the image alone, class 1 on the right half."""

    descriptor = NETWORKS[VGG11]
    feature_size = 2
    dropout_probability = 0.5
    stages = (Stage("scale", ("scale",)), Stage("head", ("head",)))
    map_modules = ("halves",)

    def __init__(self) -> None:
        super().__init__(resolution=32, fold=False, seed=0, classes=10, channels=1)
        self.scale = nn.Conv2d(1, 1, 1)
        self.halves = _Halves()
        with torch.no_grad():
            self.scale.weight.fill_(1.0)
            for parameter in (self.scale.bias, self.head.weight, self.head.bias):
                assert parameter is not None
                parameter.zero_()
            self.head.weight[:2] = torch.eye(2)
            self.head.weight[2] = -1.0

    def features(self, x: Tensor) -> Tensor:
        return self.halves(self.scale(x)).mean((2, 3))

    def first_conv(self) -> nn.Conv2d:
        return self.scale

    @classmethod
    def original(cls) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(1000))

    @classmethod
    def adapt_first(cls, state: dict[str, Tensor], channels: int) -> None:
        state["scale.weight"] = sum_channels(state["scale.weight"])


@pytest.mark.parametrize("frozen", [False, True])
def test_map_lies_where_the_evidence_was_planted(frozen: bool, shop: Workshop) -> None:
    network = _OneSided()
    if frozen:
        network.freeze()
        assert not network.scale.weight.requires_grad
    images = shop.images.test_images[:3]
    layer = target_layer(network.eval(), 32)
    assert layer == Layer(name="halves", size=(8, 8))
    for side, half in ((0, slice(0, 14)), (1, slice(14, 28))):
        maps = grad_cam(network, images, torch.full((3,), side), layer, 32)
        assert maps.shape == (3, 28, 28) and maps.min() == 0
        assert np.allclose(maps.max((1, 2)), 1)
        assert (maps[:, :, half].sum((1, 2)) > 0.8 * maps.sum((1, 2))).all()
    # Nothing speaks for class 2: its map is empty and not a division by zero.
    assert (grad_cam(network, images, torch.full((3,), 2), layer, 32) == 0).all()


@pytest.mark.parametrize(("model", "name"), [(GOOGLENET, "body.inception3b"), (VGG11, "convolutions.14")])
def test_layer_is_the_deepest_with_places_left(model: ModelName, name: str, shop: Workshop) -> None:
    network = build(model, weights=None, resolution=32, fold=True, seed=1).eval()
    network.freeze()
    layer = target_layer(network, 32)
    assert layer == Layer(name=name, size=(4, 4))
    maps = grad_cam(network, shop.images.test_images[:2], torch.tensor([0, 9]), layer, 32)
    assert maps.shape == (2, 28, 28) and maps.min() >= 0 and maps.max() <= 1


def test_objects_are_those_on_which_networks_differ_most() -> None:
    sure = np.full((4, 10), 0.0, np.float32)
    sure[:, 0] = 1.0
    other = sure.copy()
    other[2] = np.roll(sure[2], 1)  # opposite and sure
    other[1] = 0.1  # undecided
    assert most_disputed([sure, other], 4).tolist() == [2, 1, 0, 3]


def test_share_inside_counts_the_pixels_of_the_object() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[:, :14] = 9
    maps = np.ones((1, 28, 28), np.float32)
    maps[:, :14] = 3
    assert inside_share(maps, image) == pytest.approx(0.75)
    assert np.isnan(inside_share(0 * maps, image)).all()


def test_file_holds_the_chosen_object_first(shop: Workshop, tmp_path: Path) -> None:
    kept, predicted = [], []
    images = to_input(shop.images.test_images[shop.test_order], 32)
    for init in (Init.SCRATCH, Init.PRETRAINED):
        record = record_of(init, Scope.FULL)
        network = fresh_network(record, shop).eval()
        with torch.inference_mode():
            predicted.append(network(images).softmax(1).numpy())
        kept.append(Kept(record=record, network=network))
    order = shop.test_order.numpy()
    disputed = order[most_disputed(predicted, 5)].tolist()
    place_of = {index: place for place, index in enumerate(order.tolist())}
    for index in (disputed[0], next(i for i in range(100) if i not in disputed)):
        write_gradcam(kept, predicted, shop, tmp_path, index, lambda: None)
        with np.load(tmp_path / "gradcam-googlenet.npz") as stored:
            shown = stored["index"].tolist()
            assert shown == [index, *(i for i in disputed if i != index)][:5] and len(set(shown)) == 5
            assert stored["maps"].shape == (2, 5, 28, 28)
            expected = predicted[1][[place_of[i] for i in shown]]
            assert np.allclose(stored["probabilities"][1], expected, atol=1e-6)
            assert str(stored["layer"]) == "inception3b"
            counts = torch.bincount(shop.images.test_labels, minlength=10).clamp_max(SAMPLED)
            assert stored["sampled"] == int(counts.sum()) and 0.2 < stored["area"] < 0.8
