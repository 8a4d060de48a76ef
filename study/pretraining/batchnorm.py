"""Adds batch normalisation to a network without it, and folds it into the convolutions after training.

VGG11 without BatchNorm stays at chance accuracy for thousands of samples; with BatchNorm it learns at
once. A trained BatchNorm is an affine map that folds exactly into the convolution before it, so that the
result is an ordinary VGG11.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def with_batchnorm(layers: nn.Sequential) -> nn.Sequential:
    """Returns the same layers (shared, not copied) with a BatchNorm2d after every convolution."""
    result: list[nn.Module] = []
    for layer in layers:
        result.append(layer)
        if isinstance(layer, nn.Conv2d):
            result.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*result)


@torch.no_grad()
def fold_batchnorm(layers: nn.Sequential) -> None:
    """Folds every BatchNorm, with its running statistics, into the convolution before it, in place.

    Afterwards the convolutions alone compute what both computed in evaluation mode. The result is exact up
    to rounding, also at zero-padded borders, because the padding precedes the convolution.

    Args:
        layers: the result of `with_batchnorm`; only its convolutions may be used afterwards.

    Raises:
        TypeError: a BatchNorm does not follow a convolution with a bias, or has no running statistics.
    """
    children = list(layers)
    for layer, norm in pairwise(children):
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        if not isinstance(layer, nn.Conv2d) or layer.bias is None:
            raise TypeError("a lent BatchNorm has to follow a convolution with a bias")
        if norm.running_mean is None or norm.running_var is None:
            raise TypeError("a BatchNorm without running statistics cannot be folded")
        weight, bias = fuse_conv_bn_weights(
            layer.weight,
            layer.bias,
            norm.running_mean,
            norm.running_var,
            norm.eps,
            norm.weight,
            norm.bias,
        )
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
