"""The ImageNet witness with the package's real weights on the small sample of real images."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from study.errors import WeightsError
from study.pretraining.imagenet_witness import (
    PACKAGES,
    RATES,
    SHA256,
    Sizes,
    missing_packages,
    pretrained_network,
    random_network,
    weights_path,
    witness,
)
from study.training.loop import Stopped
from study.training.run import Workshop

SIZES = Sizes(train=150, validation=50, test=100, seeds=2)


def test_imagenet_features_beat_random_ones(small: Workshop) -> None:
    found = witness(small, sizes=SIZES)
    assert all(pair.pretrained > pair.random + 0.1 for pair in found.pairs)
    assert [pair.seed for pair in found.pairs] == [1, 2]
    assert all(0.5 < pair.pixels < 1 for pair in found.pairs)
    assert {pair.pretrained_lr for pair in found.pairs} <= set(RATES)
    assert (found.train_images, found.validation_images, found.test_images) == (150, 50, 100)
    assert (found.passes, found.features, found.sha256) == (3, 1_280, SHA256)
    assert found.seconds > 0 and found.version


def test_the_weights_know_a_daisy_from_a_palace() -> None:
    """Order of tensors, shapes and input scale are right only if the full network classifies."""
    import timm
    from sklearn.datasets import load_sample_images

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    stored = torch.load(weights_path(), weights_only=True)
    body = pretrained_network(weights_path())
    network.load_state_dict(body.state_dict(), strict=False)
    network.classifier.load_state_dict({"weight": stored["_fc.weight"], "bias": stored["_fc.bias"]})
    network.eval()
    answers = []
    for picture in load_sample_images().images:
        x = torch.tensor(picture).permute(2, 0, 1)[None].float().div(127.5).sub(1)
        side = min(x.shape[-2:])
        top, left = (size // 2 - side // 2 for size in x.shape[-2:])
        square = x[..., top : top + side, left : left + side]
        square = torch.nn.functional.interpolate(square, (224, 224), mode="bicubic", antialias=True)
        with torch.inference_mode():
            answers.append(int(network(square).argmax()))
    assert answers[0] in (442, 698) and answers[1] == 985  # bell cote or palace; daisy


def test_a_random_network_depends_on_its_seed_alone(small: Workshop) -> None:
    images = small.images.train_images[:64]
    first, again, other = (random_network(seed, images, small) for seed in (1, 1, 2))
    x = torch.linspace(-1, 1, 2 * 3 * 64 * 64).view(2, 3, 64, 64)
    torch.manual_seed(5)
    assert torch.equal(first(x), again(x))
    assert not torch.allclose(first(x), other(x))
    assert first(x).std(0).mean() > 1e-2  # two images are told apart


def test_an_altered_file_is_refused(tmp_path: Path, small: Workshop) -> None:
    content = bytearray(weights_path().read_bytes())
    content[-1_000] ^= 1
    copy = tmp_path / "altered.pth"
    copy.write_bytes(content)
    with pytest.raises(WeightsError, match="altered"):
        witness(small, path=copy, sizes=SIZES)


@pytest.mark.parametrize("name", PACKAGES)
def test_an_absent_package_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert missing_packages() == ()
    monkeypatch.setitem(sys.modules, name, None)
    assert missing_packages() == (name,)


def test_a_deadline_ends_it_between_two_batches(small: Workshop) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        witness(small, sizes=SIZES, stop=lambda: next(asked))
