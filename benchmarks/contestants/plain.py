"""Trains by a plain torchvision loop with a DataLoader."""

from __future__ import annotations

import torch
from common import BATCH, LR, WEIGHT_DECAY, Clock, network, pictures, read_task
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader


def main() -> None:
    task = read_task()
    net = network(task).train()
    trainable = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=LR, weight_decay=WEIGHT_DECAY)
    clock = Clock(task)
    for x, y in DataLoader(pictures(task), BATCH, shuffle=True, num_workers=2, drop_last=True):
        loss = cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if clock.step():
            return


if __name__ == "__main__":
    main()
