"""Trains a fastai Learner over a DataBlock of grey images, with fastai's batch augmentation."""

from __future__ import annotations

from common import BATCH, LR, WEIGHT_DECAY, Clock, Task, network, read_task
from fastai.callback import progress  # noqa: F401 - gives Learner its quiet modes
from fastai.callback.core import Callback, CancelFitException
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import IndexSplitter
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat
from fastai.optimizer import Adam
from fastai.vision.augment import Flip, RandomErasing
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageBlock
from torchvision.datasets import FashionMNIST
from torchvision.transforms import Pad, RandomCrop


class Timing(Callback):
    def __init__(self, task: Task) -> None:
        self.clock = Clock(task)

    def after_batch(self) -> None:
        if self.training and self.clock.step():
            raise CancelFitException


def main() -> None:
    task = read_task()
    raw = FashionMNIST(task.data, train=True)
    prepare = [Pad(2), RandomCrop(32, padding=2)]

    def picture(index: int) -> PILImageBW:
        image = raw[index][0]
        for step in prepare:
            image = step(image)
        return PILImageBW.create(image)

    block = DataBlock(
        blocks=(ImageBlock(cls=PILImageBW), CategoryBlock),
        get_x=picture,
        get_y=lambda index: int(raw.targets[index]),
        splitter=IndexSplitter(range(8)),
        batch_tfms=[Flip(), RandomErasing(p=0.25)],
    )
    loaders = block.dataloaders(range(task.images + 8), bs=BATCH, num_workers=2)
    learner = Learner(
        loaders,
        network(task),
        loss_func=CrossEntropyLossFlat(),
        opt_func=Adam,
        lr=LR,
        wd=WEIGHT_DECAY,
        train_bn=task.scope == "full",
    )
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, cbs=[Timing(task)])


if __name__ == "__main__":
    main()
