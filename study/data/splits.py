"""Splits the training images of a data set into train and validation, stratified by class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Split:
    """Disjoint, stratified indices into the training set.

    In both, every prefix has the shares of the classes that `balanced_order` promises: ``train[:n]`` is a
    stratified pool of n images and ``validation[:n]`` a stratified sample.

    Attributes:
        train: int64 [number of training images].
        validation: int64 [number of validation images].
    """

    train: Tensor
    validation: Tensor


def split(labels: Tensor, *, seed: int, validation: int) -> Split:
    """Splits the training images at random, with the share of each class kept.

    Args:
        labels: int [N].
        seed: of the random order.
        validation: number of validation images.

    Returns:
        N − `validation` and `validation` indices.
    """
    ordered = balanced_order(labels, seed=seed)
    return Split(train=ordered[validation:].clone(), validation=ordered[:validation].clone())


def balanced_order(labels: Tensor, *, seed: int) -> Tensor:
    """Returns a random order whose prefixes have the classes in the shares of the whole, to half an image.

    For every prefix there is a share t such that the prefix has n·t images of each class, rounded up or
    down by at most one half, where n is the number of images of the class. If all classes have equally
    many images, their numbers in any prefix differ by at most one.

    Args:
        labels: int [N].
        seed: of the random order.

    Returns:
        Indices, int64 [N].
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    sorted_labels = labels[order]
    place = torch.empty(len(labels), dtype=torch.float64)
    for value in labels.unique():  # type: ignore[no-untyped-call]
        where = (sorted_labels == value).nonzero().flatten()
        place[where] = (torch.arange(len(where), dtype=torch.float64) + 0.5) / len(where)
    return order[torch.argsort(place, stable=True)]
