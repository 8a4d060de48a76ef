"""Computes predictions of a network and measures of their quality."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from study.data import to_input
from study.errors import TrainingError
from study.training.runtime import Runtime

#: Batch size of an evaluation at 32×32 pixels, and the smallest one for larger images.
EVALUATION_BATCH, LEAST_BATCH = 500, 16
CALIBRATION_BINS = 15

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Measures of a set of predictions.

    Attributes:
        accuracy: in [0, 1].
        macro_f1: in [0, 1].
        ece: expected calibration error in [0, 1].
        loss: mean cross-entropy in nats.
    """

    accuracy: float
    loss: float
    macro_f1: float
    ece: float


def evaluation_batch(resolution: int) -> int:
    """Returns the batch size for a resolution; a batch has as many pixels as one at 32×32.

    The first feature maps of VGG11 for 500 images take 0.13 GB at 32×32 and 6.4 GB at 224×224.
    """
    return max(LEAST_BATCH, EVALUATION_BATCH * 32**2 // resolution**2)


def batches_of(
    function: Callable[[Tensor], Tensor],
    images: Tensor,
    resolution: int,
    runtime: Runtime,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Tensor]:
    """Applies a function to uint8 images [N, side, side] in batches; yields float32 tensors on the CPU."""
    for chunk in images.split(evaluation_batch(resolution)):  # type: ignore[no-untyped-call]
        stop()
        with torch.inference_mode(), runtime.autocast():
            x = to_input(chunk.to(runtime.device), resolution)
            found = function(x.contiguous(memory_format=torch.channels_last)).float().cpu()
        yield found


def probabilities(
    network: nn.Module,
    images: Tensor,
    resolution: int,
    runtime: Runtime,
    stop: Callable[[], None] = lambda: None,
) -> Probabilities:
    """Returns class probabilities, float32 [N, C]. The network is in evaluation mode meanwhile."""
    was_training = network.training
    network.eval()
    try:
        logits = torch.cat(list(batches_of(network, images, resolution, runtime, stop)))
    finally:
        network.train(was_training)
    result: Probabilities = logits.softmax(1).numpy()
    return result


def quality(predicted: Probabilities, labels: Tensor) -> Quality:
    """Measures probabilities [N, C] against labels, int64 [N]."""
    truth = labels.numpy()
    classes = predicted.argmax(1)
    own = np.clip(predicted[np.arange(len(truth)), truth], 1e-12, 1.0)
    return Quality(
        accuracy=float((classes == truth).mean()),
        loss=float(-np.log(own).mean()),
        macro_f1=macro_f1(classes, truth),
        ece=expected_calibration_error(predicted, truth),
    )


def macro_f1(predicted: npt.NDArray[np.int64], truth: npt.NDArray[np.int64]) -> float:
    """Returns the mean of F1 = 2·hits / (predicted + true) over the classes that occur.

    It equals scikit-learn's f1_score, whose import would cost every worker a second or more.
    """
    classes = np.union1d(predicted, truth)
    scores = [
        2 * ((predicted == c) & (truth == c)).sum() / ((predicted == c).sum() + (truth == c).sum())
        for c in classes
    ]
    return float(np.mean(scores))


def expected_calibration_error(predicted: Probabilities, truth: npt.NDArray[np.int64]) -> float:
    """Returns the mean |accuracy − confidence| over 15 equal bins of confidence (Guo et al. 2017, eq. 3).

    Raises:
        TrainingError: a probability is not a number.
    """
    if not np.isfinite(predicted).all():
        raise TrainingError("the network's answers are not numbers")
    confidence = predicted.max(1)
    right = (predicted.argmax(1) == truth).astype(float)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gap = np.bincount(bins, right - confidence, CALIBRATION_BINS)
    return float(np.abs(gap).sum() / len(truth))
