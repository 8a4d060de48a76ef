"""Weight files: found by hash, refused in one line, and ordinary torchvision files when saved."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import googlenet, vgg11

from study.errors import WeightsError
from study.models import (
    Weights,
    build,
    find_imagenet,
    load_adapted,
    load_checkpoint,
    save_checkpoint,
    trunk_state,
    unfolded_state_dict,
)
from study.models.weights import download
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName

MEAN = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
STD = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)


def imagenet_input(grey: Tensor) -> Tensor:
    return (grey.expand(-1, 3, -1, -1) - MEAN) / STD


@pytest.fixture(scope="module")
def original() -> Any:
    """torchvision's GoogLeNet as its weights switch it on, statistics fitted to the signal."""
    torch.manual_seed(0)
    network = googlenet(weights=None, aux_logits=True, init_weights=False, transform_input=True).train()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        network(imagenet_input(torch.rand(16, 1, 64, 64)))
    return network.eval()


@pytest.fixture(scope="module")
def published(original: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision publishes them: auxiliary heads, hash in the name."""
    folder = tmp_path_factory.mktemp("weights")
    plain = folder / "plain.pth"
    torch.save(original.state_dict(), plain)
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()
    return plain.rename(folder / f"googlenet-{digest[:8]}.pth")


def test_published_file_gives_the_published_function(original: Any, published: Path) -> None:
    weights = find_imagenet(GOOGLENET, weights_dir=published.parent, offline=True, name=published.name)
    assert weights.sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    network = build(GOOGLENET, weights=weights, resolution=32, fold=True, seed=0).eval()
    grey = torch.rand(4, 1, 32, 32)
    seen = []
    hook = original.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        original(imagenet_input(grey))
        ours = network.features((grey - 0.5) / 0.5)
    hook.remove()
    # float32 through 57 convolutions: relative to activations of about 4
    torch.testing.assert_close(ours, seen[0], rtol=1e-5, atol=5e-5)


def test_torch_home_is_searched(published: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints"
    place.mkdir(parents=True)
    (place / published.name).symlink_to(published)
    found = find_imagenet(GOOGLENET, weights_dir=None, offline=True, name=published.name)
    assert found.path == str(place / published.name)


def test_counters_of_batchnorm_may_be_missing(original: Any) -> None:
    state = {
        name: value
        for name, value in original.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    weights = Weights(source="x", sha256="", state=state, channels=3, covers="network")
    build(GOOGLENET, weights=weights, resolution=32, fold=True, seed=0)
    del state["conv2.bn.running_mean"]
    with pytest.raises(WeightsError, match="running_mean is missing"):
        build(GOOGLENET, weights=weights, resolution=32, fold=True, seed=0)


def test_wrong_download_leaves_nothing_behind(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("log in first")
    target = tmp_path / "hub" / "vgg11-8a719046.pth"
    with pytest.raises(WeightsError, match="not the published file"):
        download(page.as_uri(), target, sha256_prefix="8a719046")
    assert list(target.parent.iterdir()) == []
    right = hashlib.sha256(page.read_bytes()).hexdigest()[:8]
    download(page.as_uri(), target, sha256_prefix=right)
    assert target.read_bytes() == page.read_bytes()
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        download((tmp_path / "absent").as_uri(), target, sha256_prefix=right)


def test_saved_networks_are_ordinary_torchvision_networks() -> None:
    x = torch.rand(4, 1, 32, 32) * 2 - 1
    networks: dict[ModelName, Any] = {
        VGG11: vgg11(weights=None, init_weights=False, num_classes=10),
        GOOGLENET: googlenet(
            weights=None, aux_logits=False, init_weights=False, transform_input=False, num_classes=10
        ),
    }
    networks[VGG11].features[0] = nn.Conv2d(1, 64, 3, padding=1)
    networks[GOOGLENET].conv1.conv = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    for model, plain in networks.items():
        network = build(model, weights=None, resolution=32, fold=True, seed=1).eval()
        state = unfolded_state_dict(network)
        plain.load_state_dict(state, strict=True)
        again = load_adapted(model, state, resolution=32, fold=True)
        with torch.no_grad():
            expected = network(x)
            torch.testing.assert_close(plain.eval()(x), expected, rtol=0, atol=1e-5)
            torch.testing.assert_close(again(x), expected, rtol=0, atol=1e-5)


def test_trunk_changes_the_convolutions_only(tmp_path: Path) -> None:
    donor = build(VGG11, weights=None, resolution=32, fold=True, seed=5)
    path = tmp_path / "trunk.pt"
    save_checkpoint(path, trunk_state(donor), {"source": "fractal", "covers": "trunk"})
    weights, meta = load_checkpoint(path)
    assert (weights.source, weights.covers, weights.channels) == ("fractal", "trunk", 1)
    assert meta["source"] == "fractal"
    warm = build(VGG11, weights=weights, resolution=32, fold=True, seed=6)
    cold = dict(build(VGG11, weights=None, resolution=32, fold=True, seed=6).named_parameters())
    for name, value in warm.named_parameters():
        expected = donor.get_parameter(name) if name.startswith("convolutions") else cold[name]
        assert torch.equal(value, expected), name
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(WeightsError, match="altered"):
        load_checkpoint(path)


def test_malformed_content_is_one_line(tmp_path: Path) -> None:
    wide = Weights(
        source="x",
        sha256="",
        state={"classifier.0.weight": torch.zeros(10, 25088)},
        channels=1,
        covers="network",
    )
    with pytest.raises(WeightsError, match="expected"):
        build(VGG11, weights=wide, resolution=32, fold=True, seed=0)
    path = tmp_path / "meta.pt"
    torch.save({"state": {"features.0.weight": torch.zeros(64, 1, 3, 3)}, "meta": [1]}, path)
    with pytest.raises(WeightsError, match="meta is a list"):
        load_checkpoint(path)


@pytest.mark.parametrize("model", DEFAULT)
def test_bfloat16_autocast_and_channels_last(model: ModelName) -> None:
    network = build(model, weights=None, resolution=32, fold=True, seed=0)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.rand(4, 1, 32, 32).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        loss = nn.functional.cross_entropy(network(x), torch.arange(4))
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
