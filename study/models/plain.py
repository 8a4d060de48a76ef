"""The laboratory work in torchvision alone, as one would type it; the report's appendix prints this file.

The study itself does not use it: its networks, data and loop are faster and give the same results for every
number of workers. A test holds both to the same first layer.
"""

# One who types this by hand does not annotate it.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

# [listing: plain]
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
from torchvision.models import googlenet, vgg11


def images(folder, train):
    normalize = transforms.Normalize(0.5, 0.5)
    steps = [transforms.Pad(2), transforms.ToTensor(), normalize]
    flip = [transforms.RandomHorizontalFlip()] if train else []
    data = datasets.FashionMNIST(folder, train, transforms.Compose([*flip, *steps]))
    return DataLoader(data, batch_size=32, shuffle=train)


def adapted(name, weights="IMAGENET1K_V1", frozen=False):
    if name == "vgg11":
        network = vgg11(weights=weights).requires_grad_(not frozen)
        first = network.features[0]
        network.classifier[6] = nn.Linear(4096, 10)
    else:
        network = googlenet(weights=weights, init_weights=weights is None)
        network.requires_grad_(not frozen)
        network.transform_input, network.aux_logits = False, False
        network.aux1 = network.aux2 = None
        first = network.conv1.conv
        network.fc = nn.Linear(1024, 10)
    # One channel gives the same as a grey picture in all three.
    grey = first.weight.detach().sum(1, keepdim=True)
    first.weight, first.in_channels = nn.Parameter(grey, not frozen), 1
    return network


def train(network, batches, lr=1e-3):
    tuned = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(tuned, lr=lr, weight_decay=0.01)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()  # else the statistics of a frozen network would change
    for pictures, labels in batches:
        loss = loss_of(network(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def accuracy(network, batches):
    network.eval()
    hits = [network(pictures).argmax(1) == labels for pictures, labels in batches]
    return float(torch.cat(hits).float().mean())


# [/listing]
