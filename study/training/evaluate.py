"""Predictions of a network and the measures of their quality."""

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

#: Images of 32×32 pixels in a batch of evaluation, and the least of larger ones.
EVALUATION_BATCH, LEAST_BATCH = 500, 16
CALIBRATION_BINS = 15

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """accuracy, macro_f1 and ece in [0, 1]; loss is mean cross-entropy in nats."""

    accuracy: float
    loss: float
    macro_f1: float
    ece: float


def evaluation_batch(resolution: int) -> int:
    """Images in a batch: as many pixels as at 32×32, where the memory and the pause are small.

    VGG11's first maps of 500 images take 0.13 GB there and 6.4 GB at 224×224.
    """
    return max(LEAST_BATCH, EVALUATION_BATCH * 32**2 // resolution**2)


def batches_of(
    function: Callable[[Tensor], Tensor], images: Tensor, resolution: int, runtime: Runtime,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[Tensor]:  # fmt: skip
    """A network function on uint8 [N, 28, 28], batch by batch; float32 [·, …] on the CPU."""
    for chunk in images.split(evaluation_batch(resolution)):  # type: ignore[no-untyped-call]
        stop()
        with torch.inference_mode(), runtime.autocast():
            x = to_input(chunk.to(runtime.device), resolution)
            found = function(x.contiguous(memory_format=torch.channels_last)).float().cpu()
        yield found


def probabilities(
    network: nn.Module, images: Tensor, resolution: int, runtime: Runtime,
    stop: Callable[[], None] = lambda: None,
) -> Probabilities:  # fmt: skip
    """Class probabilities float32 [N, 10] of a network set to evaluation for the while."""
    was_training = network.training
    network.eval()
    try:
        logits = torch.cat(list(batches_of(network, images, resolution, runtime, stop)))
    finally:
        network.train(was_training)
    result: Probabilities = logits.softmax(1).numpy()
    return result


def quality(predicted: Probabilities, labels: Tensor) -> Quality:
    """Measures of probabilities [N, 10] against int64 labels [N]."""
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
    """Mean over the classes that occur of F1 = 2·hits / (predicted + true), as scikit-learn's f1_score.

    Written out because importing scikit-learn costs every worker a second or more.
    """
    classes = np.union1d(predicted, truth)
    scores = [
        2 * ((predicted == c) & (truth == c)).sum() / ((predicted == c).sum() + (truth == c).sum())
        for c in classes
    ]
    return float(np.mean(scores))


def expected_calibration_error(predicted: Probabilities, truth: npt.NDArray[np.int64]) -> float:
    """Mean |accuracy − confidence| over 15 equal bins of confidence (Guo et al. 2017, eq. 3).

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
