"""The adapted networks compute what torchvision's would, and folding changes nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from study.errors import WeightsError
from study.models import (
    Weights,
    adaptation_error,
    build,
    find_imagenet,
    load_adapted,
    load_checkpoint,
    network_class,
    unfolded_state_dict,
)
from study.networks import GOOGLENET, NETWORKS, VGG11, ModelName
from study.spec import HyperParams
from study.training.param_groups import param_groups


@pytest.mark.parametrize("model", NETWORKS)
def test_one_channel_equals_three(model: ModelName) -> None:
    assert adaptation_error(model) < 1e-5


@pytest.mark.parametrize("optimizer", [pytest.param("sgd", marks=pytest.mark.long), "adamw"])
def test_folded_vgg11_follows_the_unfolded_one(optimizer: str) -> None:
    folded = build(VGG11, weights=None, resolution=32, fold=True, seed=3).eval()
    state = unfolded_state_dict(folded)
    unfolded = load_adapted(VGG11, state, resolution=32, fold=False)
    hyper = HyperParams(lr=1e-4, weight_decay=0.05)
    steppers = []
    for network in (folded, unfolded):
        groups = param_groups(network, hyper)
        if optimizer == "sgd":
            steppers.append(torch.optim.SGD(groups, momentum=0.9, fused=True))
        else:
            steppers.append(torch.optim.AdamW(groups, fused=True))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20 if optimizer == "sgd" else 6):
        x = torch.randn(4, 1, 32, 32, generator=generator)
        y = torch.randint(0, 10, (4,), generator=generator)
        for network, stepper in zip((folded, unfolded), steppers, strict=True):
            stepper.zero_grad()
            F.cross_entropy(network(x), y).backward()
            stepper.step()
    x = torch.randn(8, 1, 32, 32, generator=generator)
    with torch.no_grad():
        assert torch.allclose(folded(x), unfolded(x), atol=2e-4)


@pytest.mark.parametrize("model", NETWORKS)
def test_stages_hold_every_parameter_once(model: ModelName) -> None:
    network = build(model, weights=None, resolution=32, fold=True, seed=0)
    counts = [network.stage_of(name) for name, _ in network.named_parameters()]
    assert set(counts) == set(range(len(network.stages)))
    with pytest.raises(ValueError, match="0 stages"):
        network.stage_of("nowhere.weight")


def test_frozen_batchnorm_stays_as_it_is() -> None:
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0)
    network.freeze()
    torch.nn.Sequential(network).train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.randn(4, 1, 32, 32)).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
    assert [name for name, p in network.named_parameters() if p.requires_grad] == [
        "head.weight",
        "head.bias",
    ]


def test_head_is_equal_for_both_inits() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        state = network_class(GOOGLENET).original().state_dict()
    weights = Weights(source="x", sha256="", state=state, channels=3, covers="network")
    one = build(GOOGLENET, weights=weights, resolution=32, fold=True, seed=4)
    two = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=4)
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.body.conv2.conv.weight, two.body.conv2.conv.weight)


def test_wrong_files_are_refused(tmp_path) -> None:
    state = {"features.0.weight": torch.zeros(64, 3, 5, 5), "features.0.bias": torch.zeros(64)}
    weights = Weights(source="x", sha256="", state=state, channels=3, covers="network")
    with pytest.raises(WeightsError, match="does not fit"):
        build(VGG11, weights=weights, resolution=32, fold=True, seed=0)
    altered = tmp_path / "vgg11-8a719046.pth"
    torch.save(state, altered)
    with pytest.raises(WeightsError, match="altered"):
        find_imagenet(VGG11, weights_dir=tmp_path, offline=True)
    altered.unlink()
    with pytest.raises(WeightsError, match="offline"):
        find_imagenet(VGG11, weights_dir=tmp_path, offline=True)


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('executed')",))


def test_a_pickle_is_not_executed(tmp_path) -> None:
    path = tmp_path / "hostile.pth"
    torch.save({"state": {"a": _Hostile()}}, path)
    with pytest.raises(WeightsError, match="not a weights file"):
        load_checkpoint(path)
