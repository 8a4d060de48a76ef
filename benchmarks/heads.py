"""Compares training several heads on cached features one by one and by one matrix product for all.

`python -m benchmarks.heads` prints, for both networks, the seconds of a step of each way and their
ratio; docs/adr/0012-heads-one-by-one.md draws the conclusion. Nothing is written.
"""

from __future__ import annotations

import time
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from study.training.runtime import detect

FEATURES = {"vgg11": 4_096, "googlenet": 1_024}
IMAGES, BATCH, CLASSES, HEADS, STEPS, ROUNDS = 20_000, 64, 10, 4, 150, 5


def main() -> None:
    runtime = detect("cpu", "auto")
    print(f"{HEADS} heads, batch {BATCH}, {runtime.threads} threads; milliseconds for a step of all heads")
    for model, width in FEATURES.items():
        values = torch.randn(IMAGES, width).half()
        labels = torch.randint(0, CLASSES, (IMAGES,))
        apart, together = [], []
        for _ in range(ROUNDS):
            apart.append(_one_by_one(values, labels, width))
            together.append(_together(values, labels, width))
        first, second = 1e3 * median(apart), 1e3 * median(together)
        print(f"{model}: one by one {first:.2f}, together {second:.2f}, ratio {first / second:.2f}")


def _one_by_one(values: Tensor, labels: Tensor, width: int) -> float:
    """Trains each head alone, as runs do, with its own passes over the features; returns s per step."""
    began = time.perf_counter()
    for _ in range(HEADS):
        head = nn.Linear(width, CLASSES)
        optimizer = torch.optim.AdamW(head.parameters(), fused=True)
        for step in range(STEPS):
            chosen = _batch(step)
            loss = F.cross_entropy(head(values[chosen].float()), labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return (time.perf_counter() - began) / STEPS


def _together(values: Tensor, labels: Tensor, width: int) -> float:
    """Trains heads that see the images in the same order, with one product; returns s per step."""
    began = time.perf_counter()
    heads = [nn.Linear(width, CLASSES) for _ in range(HEADS)]
    optimizer = torch.optim.AdamW([{"params": list(head.parameters())} for head in heads], fused=True)
    for step in range(STEPS):
        chosen = _batch(step)
        weight = torch.cat([head.weight for head in heads])
        bias = torch.cat([head.bias for head in heads])
        logits = F.linear(values[chosen].float(), weight, bias).view(BATCH, HEADS, CLASSES)
        targets = labels[chosen].repeat_interleave(HEADS)
        loss = F.cross_entropy(logits.flatten(0, 1), targets) * HEADS
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return (time.perf_counter() - began) / STEPS


def _batch(step: int) -> Tensor:
    return (torch.arange(BATCH) * 311 + step * 977) % IMAGES


if __name__ == "__main__":
    main()
