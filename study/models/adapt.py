"""Adapts a first convolution for ImageNet's input to that of the study without changing what it computes.

VGG11 and GoogLeNet get the same input, x = (g − 0.5)/0.5 for grey values g in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Mean and standard deviation of ImageNet's channels (R, G, B), for values in [0, 1].
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


# [listing: adapt]
def sum_channels(weight: Tensor) -> Tensor:
    """Sums RGB weights [O, 3, k, k] to [O, 1, k, k]; exact if all channels get the same input.

    A mean instead of the sum would make the activations three times smaller.
    """
    return weight.sum(dim=1, keepdim=True)


def fold_normalisation(weight: Tensor, bias: Tensor, channels: int = 1) -> tuple[Tensor, Tensor]:
    """Folds ImageNet's normalisation into RGB weights and bias; for one channel it sums the weights.

    The original layer gets (g − m_c)/s_c in channel c, the adapted one gets x = (g − 0.5)/0.5. With
    g = (x + 1)/2, channel c is (x/2 + 0.5 − m_c)/s_c. Hence the new weight is W_c/(2 s_c), for one channel
    Σ_c W_c/(2 s_c), and the bias grows by Σ_c ΣW_c (0.5 − m_c)/s_c. The result is exact except at the
    border, where the zeros of the padding stand for a different value in each normalisation.

    Args:
        weight: float [O, 3, k, k].
        bias: float [O].
        channels: of the images, 1 or 3.

    Returns:
        The weight [O, channels, k, k] and the bias [O].
    """
    mean = torch.tensor(IMAGENET_MEAN, dtype=weight.dtype).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=weight.dtype).view(1, 3, 1, 1)
    shift = (weight * (0.5 - mean) / std).sum(dim=(1, 2, 3))
    scaled = weight / (2 * std)
    return sum_channels(scaled) if channels == 1 else scaled, bias + shift


# [/listing]
