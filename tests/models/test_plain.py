"""The listing that the report prints as the work in plain torchvision does what it says."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, Subset
from torchvision.models import vgg11

from benchmarks.contest import lay_out
from study.models.adapt import sum_channels
from study.models.plain import accuracy, adapted, images, train


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> DataLoader:
    folder = tmp_path_factory.mktemp("plain")
    lay_out(folder)
    return DataLoader(Subset(images(str(folder), train=True).dataset, range(640)), batch_size=32)


def test_it_learns(batches: DataLoader) -> None:
    torch.manual_seed(0)
    network = adapted("googlenet", weights=None)
    before = accuracy(network, batches)
    for _ in range(3):
        train(network, batches)
    assert accuracy(network, batches) > before + 0.1


def test_a_frozen_network_changes_its_output_layer_alone(batches: DataLoader) -> None:
    network = adapted("googlenet", weights=None, frozen=True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    train(network, batches)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"fc.weight", "fc.bias"}


def test_its_first_layer_is_that_of_the_study() -> None:
    torch.manual_seed(0)
    first = adapted("vgg11", weights=None).features[0]
    torch.manual_seed(0)
    original = vgg11(weights=None).features[0]
    assert torch.equal(first.weight, sum_channels(original.weight))
    assert torch.equal(first.bias, original.bias)


@pytest.mark.parametrize("name", ["vgg11", "googlenet"])
def test_it_classifies_one_channel_into_ten_classes(name: str) -> None:
    network = adapted(name, weights=None).eval()
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
    assert not any(
        module.in_channels == 3 for module in network.modules() if hasattr(module, "in_channels")
    )
