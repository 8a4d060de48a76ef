"""The listing that the report prints as the work in plain torchvision does what it says."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, Subset

from benchmarks.contest import lay_out
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


@pytest.mark.parametrize("name", ["vgg11", "googlenet"])
def test_it_classifies_one_channel_into_ten_classes(name: str) -> None:
    network = adapted(name, weights=None).eval()
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 10)
    assert not any(
        module.in_channels == 3 for module in network.modules() if hasattr(module, "in_channels")
    )
