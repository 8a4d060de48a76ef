"""Trains timm's VGG11 for given seconds: its loader, optimizer and loss, and PyTorch's one-cycle."""

from __future__ import annotations

import timm
import torch
from timed import WEIGHT_DECAY, Stopwatch, Task, compete, order
from timm.data import create_loader
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from torch import nn
from torch.utils.data import Dataset
from torchvision.datasets import FashionMNIST
from torchvision.transforms import Pad


class Pictures(Dataset):  # type: ignore[type-arg]
    """The training images; create_loader sets the attribute `transform`."""

    transform = None

    def __init__(self, task: Task, steps: int) -> None:
        self._raw = FashionMNIST(task.data, train=True)
        self._order, self._pad = order(steps * task.batch, task.seed), Pad(2)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, place: int) -> tuple[object, int]:
        image, label = self._raw[self._order[place]]
        image = self._pad(image)
        return self.transform(image) if self.transform else image, label


def fit(task: Task, steps: int, watch: Stopwatch) -> nn.Module:
    if task.model != "vgg11":
        raise SystemExit("timm has no GoogLeNet")
    torch.manual_seed(task.seed)
    net = timm.create_model("vgg11", pretrained=False, in_chans=1, num_classes=10).train()
    loader = create_loader(
        Pictures(task, steps),
        input_size=(1, 32, 32),
        batch_size=task.batch,
        is_training=True,
        use_prefetcher=False,
        num_workers=2,
        mean=(0.5,),
        std=(0.5,),
        scale=(1.0, 1.0),
        ratio=(1.0, 1.0),
        hflip=0.5,
        color_jitter=0.0,
        interpolation="bilinear",
        device=torch.device("cpu"),
        persistent_workers=False,
    )
    optimizer = create_optimizer_v2(net, opt="adamw", lr=task.rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=task.rate, total_steps=steps)
    loss_of = LabelSmoothingCrossEntropy(0.0)
    for x, y in loader:
        watch.batch()
        optimizer.zero_grad()
        loss_of(net(x), y).backward()
        optimizer.step()
        schedule.step()
        watch.step()
    return net


if __name__ == "__main__":
    compete(fit)
