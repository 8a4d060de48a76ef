"""Trains a LightningModule with Lightning's Trainer, torchvision's images and a DataLoader."""

from __future__ import annotations

import logging
import warnings

import lightning
import torch
from common import BATCH, LR, WEIGHT_DECAY, Clock, Task, network, pictures, read_task
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader


class Module(lightning.LightningModule):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.net = network(task)

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        x, y = batch
        return cross_entropy(self.net(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        trainable = [p for p in self.parameters() if p.requires_grad]
        return torch.optim.AdamW(trainable, lr=LR, weight_decay=WEIGHT_DECAY)


class Timing(lightning.Callback):
    def __init__(self, task: Task) -> None:
        self.clock = Clock(task)

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: object) -> None:
        if self.clock.step():
            trainer.should_stop = True


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    task = read_task()
    loader = DataLoader(pictures(task), BATCH, shuffle=True, num_workers=2, drop_last=True)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Timing(task)],
    )
    trainer.fit(Module(task), loader)


if __name__ == "__main__":
    main()
