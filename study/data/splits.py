"""Splits the 60,000 training images into train and validation, stratified by class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from study.spec import VALIDATION_IMAGES


@dataclass(frozen=True, kw_only=True)
class Split:
    """Disjoint, class-balanced indices into the training set.

    In both, the classes alternate, so that the numbers of images per class in any prefix differ by at most
    one: ``train[:n]`` is a balanced pool of n images and ``validation[:n]`` a balanced sample.

    Attributes:
        train: int64 [54000].
        validation: int64 [6000].
    """

    train: Tensor
    validation: Tensor


def split(labels: Tensor, *, seed: int, validation: int = VALIDATION_IMAGES) -> Split:
    """Splits the training images at random, with equal numbers of each class.

    Args:
        labels: int [N].
        seed: of the random order.
        validation: number of validation images.

    Returns:
        N − `validation` and `validation` indices.
    """
    balanced = balanced_order(labels, seed=seed)
    return Split(train=balanced[validation:].clone(), validation=balanced[:validation].clone())


def balanced_order(labels: Tensor, *, seed: int) -> Tensor:
    """Returns a random order in which the numbers of labels per class in any prefix differ by at most one.

    Args:
        labels: int [N], with equal numbers of each class.
        seed: of the random order.

    Returns:
        Indices, int64 [N].
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    sorted_labels = labels[order]
    rank = torch.empty(len(labels), dtype=torch.int64)
    for value in labels.unique():  # type: ignore[no-untyped-call]
        where = (sorted_labels == value).nonzero().flatten()
        rank[where] = torch.arange(len(where))
    return order[torch.argsort(rank, stable=True)]
