"""Finds, checks and splits FashionMNIST and prepares its images as tensors."""

from study.data.augment import augment, to_input
from study.data.fashion_mnist import CLASS_NAMES, FashionMNIST, load
from study.data.splits import Split, balanced_order, split

__all__ = ["CLASS_NAMES", "FashionMNIST", "Split", "augment", "balanced_order", "load", "split", "to_input"]
