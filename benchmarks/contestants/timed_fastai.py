"""Trains a fastai Learner for given seconds: `fit_one_cycle` over a DataBlock of grey images."""

from __future__ import annotations

from fastai.callback import (
    progress,  # noqa: F401 - gives Learner its quiet modes
    schedule,  # noqa: F401 - gives Learner fit_one_cycle
)
from fastai.callback.core import Callback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import IndexSplitter, Normalize
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam
from fastai.vision.augment import Flip
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageBlock
from timed import WEIGHT_DECAY, Stopwatch, Task, compete, network, order
from torch import nn
from torchvision.datasets import FashionMNIST
from torchvision.transforms import Pad

#: Number of images that fastai validates on after its last step, outside the seconds.
HELD = 8


class Timing(Callback):
    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def before_batch(self) -> None:
        if self.training:
            self.watch.batch()

    def after_batch(self) -> None:
        if self.training:
            self.watch.step()


def fit(task: Task, steps: int, watch: Stopwatch) -> nn.Module:
    raw = FashionMNIST(task.data, train=True)
    chosen = order(steps * task.batch + HELD, task.seed)
    pad = Pad(2)
    block = DataBlock(
        blocks=(ImageBlock(cls=PILImageBW), CategoryBlock(vocab=list(range(10)))),
        get_x=lambda place: PILImageBW.create(pad(raw[chosen[place]][0])),
        get_y=lambda place: int(raw.targets[chosen[place]]),
        splitter=IndexSplitter(range(steps * task.batch, len(chosen))),
        batch_tfms=[Flip(), Normalize.from_stats([0.5], [0.5], cuda=False)],
    )
    loaders = block.dataloaders(range(len(chosen)), bs=task.batch, num_workers=2, shuffle=False)
    learner = Learner(
        loaders, network(task), loss_func=CrossEntropyLossFlat(), opt_func=Adam, wd=WEIGHT_DECAY
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(1, lr_max=task.rate, cbs=[Timing(watch)])
    return learner.model


if __name__ == "__main__":
    compete(fit)
