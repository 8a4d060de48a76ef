"""The stratified split of the 60,000 training images into train and validation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from study.spec import VALIDATION_IMAGES


@dataclass(frozen=True, kw_only=True)
class Split:
    """Indices into the training set, int64 [54000] and [6000], disjoint and class-balanced.

    Both are interleaved by class, so every prefix is balanced to within one image a class:
    ``train[:n]`` is a fair pool of n labels and ``validation[:n]`` a fair sample.
    """

    train: Tensor
    validation: Tensor


def split(labels: Tensor, *, seed: int, validation: int = VALIDATION_IMAGES) -> Split:
    """Split int labels [N] into N − `validation` and `validation` indices, equal in every class."""
    balanced = balanced_order(labels, seed=seed)
    return Split(train=balanced[validation:].clone(), validation=balanced[:validation].clone())


def balanced_order(labels: Tensor, *, seed: int) -> Tensor:
    """A random order int64 [N] of labels [N] in which every prefix is balanced to within one a class."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    sorted_labels = labels[order]
    rank = torch.empty(len(labels), dtype=torch.int64)
    for value in labels.unique():  # type: ignore[no-untyped-call]
        where = (sorted_labels == value).nonzero().flatten()
        rank[where] = torch.arange(len(where))
    return order[torch.argsort(rank, stable=True)]
