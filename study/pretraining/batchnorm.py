"""Lends batch normalisation to a network that has none, and takes it back without a trace.

VGG11 without BatchNorm sits at chance for thousands of samples. With it, it learns at once, and a
trained BatchNorm is an affine map that folds exactly into the convolution before it: what is left
is an ordinary VGG11.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def with_batchnorm(layers: nn.Sequential) -> nn.Sequential:
    """The same layers (shared, not copied) with a BatchNorm2d after every convolution."""
    result: list[nn.Module] = []
    for layer in layers:
        result.append(layer)
        if isinstance(layer, nn.Conv2d):
            result.append(nn.BatchNorm2d(layer.out_channels))
    return nn.Sequential(*result)


@torch.no_grad()
def fold_batchnorm(layers: nn.Sequential) -> None:
    """Write every BatchNorm of `with_batchnorm`, with its running statistics, into its convolution.

    The convolutions alone then compute what both computed in eval mode (exact up to rounding,
    zero-padded borders included, because the padding comes before the convolution).
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
