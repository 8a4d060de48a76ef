"""Turning a first convolution for RGB into one for grey images, without changing the function.

Both networks get the same input, x = (g − 0.5)/0.5 with grey g in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


# [listing: adapt]
def sum_channels(weight: Tensor) -> Tensor:
    """RGB weights [O, 3, k, k] → [O, 1, k, k]; exact where all channels get the same input.

    The sum, not the mean: a mean would shrink the activations three times.
    """
    return weight.sum(dim=1, keepdim=True)


def fold_normalisation(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """RGB weights and bias under ImageNet normalisation → one channel under (g − 0.5)/0.5.

    With g = (x + 1)/2 the normalised channel c is (x/2 + 0.5 − m_c)/s_c. So the new weight is
    Σ_c W_c/(2 s_c) and the bias grows by Σ_c ΣW_c (0.5 − m_c)/s_c. Exact except at the border,
    where the network pads with zeros that mean another grey in each normalisation.
    """
    mean = torch.tensor(IMAGENET_MEAN, dtype=weight.dtype).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=weight.dtype).view(1, 3, 1, 1)
    shift = (weight * (0.5 - mean) / std).sum(dim=(1, 2, 3))
    return sum_channels(weight / (2 * std)), bias + shift
# [/listing]
