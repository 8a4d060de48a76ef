"""The laboratory work in torchvision alone, as one would type it; the report's appendix prints this file.

The study itself does not use it: its networks, data and loop are faster and give the same results for every
number of workers. A test holds both to the same first layer.
"""

# A reader types no type arguments.
# mypy: disable-error-code="type-arg, no-any-return, no-untyped-call"

from __future__ import annotations

# [listing: plain]
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.models import googlenet, vgg11


def images(folder: str, train: bool) -> DataLoader:
    normalize = transforms.Normalize(0.5, 0.5)
    steps = [transforms.Pad(2), transforms.ToTensor(), normalize]
    if train:
        steps.insert(0, transforms.RandomHorizontalFlip())
    transform = transforms.Compose(steps)
    data = datasets.FashionMNIST(folder, train=train, transform=transform)
    return DataLoader(data, batch_size=32, shuffle=train)


def adapted(
    name: str,
    weights: str | None = "IMAGENET1K_V1",
    frozen: bool = False,
) -> nn.Module:
    if name == "vgg11":
        network = vgg11(weights=weights)
        first = network.features[0]
        one = nn.Conv2d(1, 64, 3, padding=1)
    else:
        network = googlenet(weights=weights, init_weights=weights is None)
        network.transform_input, network.aux_logits = False, False
        network.aux1 = network.aux2 = None
        first = network.conv1.conv
        one = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    with torch.no_grad():  # the same as a grey picture in all three channels
        one.weight.copy_(first.weight.sum(1, keepdim=True))
    if name == "vgg11":
        network.features[0] = one
        network.requires_grad_(not frozen)
        network.classifier[6] = nn.Linear(4096, 10)
    else:
        network.conv1.conv = one
        network.requires_grad_(not frozen)
        network.fc = nn.Linear(1024, 10)
    return network


def train(network: nn.Module, batches: DataLoader, lr: float = 1e-3) -> None:
    tuned = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(tuned, lr=lr, weight_decay=0.01)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()  # else the statistics of a frozen network would change
    for pictures, labels in batches:
        logits = network(pictures)
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def accuracy(network: nn.Module, batches: DataLoader) -> float:
    network.eval()
    hits = [network(pictures).argmax(1) == labels for pictures, labels in batches]
    return float(torch.cat(hits).float().mean())


# [/listing]
