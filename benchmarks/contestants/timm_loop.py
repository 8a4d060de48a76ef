"""Trains timm's network, if it has it, with timm's loader, optimizer and loss in its usual loop."""

from __future__ import annotations

import timm
import torch
from common import BATCH, LR, WEIGHT_DECAY, Clock, Task, network, read_task
from timm.data import create_loader
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from torch.utils.data import Subset
from torchvision.datasets import FashionMNIST


def build(task: Task) -> torch.nn.Module:
    if task.model != "vgg11":
        return network(task)  # timm has no GoogLeNet
    net = timm.create_model("vgg11", pretrained=False, in_chans=1, num_classes=10)
    if task.scope == "frozen":
        net.requires_grad_(False)
        net.get_classifier().requires_grad_(True)
    return net


def main() -> None:
    task = read_task()
    net = build(task).train()
    data = Subset(FashionMNIST(task.data, train=True), range(task.images))
    loader = create_loader(
        _WithTransform(data),
        input_size=(1, 32, 32),
        batch_size=BATCH,
        is_training=True,
        use_prefetcher=False,
        num_workers=2,
        mean=(0.5,),
        std=(0.5,),
        hflip=0.5,
        re_prob=0.25,
        device=torch.device("cpu"),
        persistent_workers=False,
    )
    optimizer = create_optimizer_v2(net, opt="adamw", lr=LR, weight_decay=WEIGHT_DECAY)
    loss_of = LabelSmoothingCrossEntropy(0.0)
    clock = Clock(task)
    for x, y in loader:
        optimizer.zero_grad()
        loss_of(net(x), y).backward()
        optimizer.step()
        if clock.step():
            return


class _WithTransform(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """The training images; create_loader sets the attribute `transform`."""

    transform = None

    def __init__(self, data: Subset) -> None:  # type: ignore[type-arg]
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> tuple[object, int]:
        image, label = self._data[index]
        return self.transform(image) if self.transform else image, label


if __name__ == "__main__":
    main()
