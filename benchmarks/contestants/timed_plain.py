"""Trains by a plain torchvision loop for given seconds: DataLoader, AdamW, PyTorch's one-cycle."""

from __future__ import annotations

import torch
from timed import WEIGHT_DECAY, Stopwatch, Task, batches, compete, network
from torch import nn
from torch.nn.functional import cross_entropy


def fit(task: Task, steps: int, watch: Stopwatch) -> nn.Module:
    net = network(task).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=task.rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=task.rate, total_steps=steps)
    for x, y in batches(task, steps):
        watch.batch()
        loss = cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        watch.step()
    return net


if __name__ == "__main__":
    compete(fit)
