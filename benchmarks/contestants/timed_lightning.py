"""Trains a LightningModule for given seconds with Lightning's Trainer and PyTorch's one-cycle."""

from __future__ import annotations

import logging
import warnings

import lightning
import torch
from timed import WEIGHT_DECAY, Stopwatch, Task, batches, compete, network
from torch import nn
from torch.nn.functional import cross_entropy


class Module(lightning.LightningModule):
    def __init__(self, task: Task, steps: int) -> None:
        super().__init__()
        self.net, self.task, self.steps = network(task), task, steps

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        x, y = batch
        return cross_entropy(self.net(x), y)

    def configure_optimizers(self) -> dict[str, object]:
        rate = self.task.rate
        optimizer = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Timing(lightning.Callback):
    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_train_batch_start(self, *_: object) -> None:
        self.watch.batch()

    def on_train_batch_end(self, *_: object) -> None:
        self.watch.step()


def fit(task: Task, steps: int, watch: Stopwatch) -> nn.Module:
    module = Module(task, steps)
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Timing(watch)],
    )
    trainer.fit(module, batches(task, steps))
    return module.net


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    compete(fit)
