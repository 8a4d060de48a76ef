"""The side of the images on a GPU follows from the budget, the speeds and the number of workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from study.networks import ModelName
from study.planning.cost import Speed
from study.planning.resolution import RUNG, SEEDS, SHARE, largest, matrix_seconds
from study.spec import StudySpec

STUDY = StudySpec()


def _speeds(train: float) -> Callable[[int], dict[ModelName, Speed]]:
    """Speeds that fall with the number of pixels, `train` images per second at 32×32."""
    return lambda side: {
        model: Speed(
            train=train * (32 / side) ** 2, inference=4 * train * (32 / side) ** 2, build=0.2, head=1e6
        )
        for model in STUDY.models
    }


def test_more_time_and_faster_machines_see_larger_images() -> None:
    needed = {side: matrix_seconds(STUDY, _speeds(10_000)(side), 1) / SHARE for side in (64, 128, 224)}
    assert needed[64] < needed[128] < needed[224]
    for below, side in ((32, 64), (64, 128), (128, 224)):
        assert largest(STUDY, needed[side] + 1, 1, _speeds(10_000)) == side
        assert largest(STUDY, needed[side] - 1, 1, _speeds(10_000)) == below
    assert largest(STUDY, needed[128] + 1, 1, _speeds(1_000)) == 32
    assert largest(STUDY, needed[128] + 1, 8, _speeds(10_000)) > 128, "with more workers"


def test_the_matrix_costs_its_samples() -> None:
    """A training to 256,000 passes at least these images: four full arms, three seeds, two networks."""
    least = 2 * 4 * SEEDS * RUNG / 10_000
    assert least < matrix_seconds(STUDY, _speeds(10_000)(32), 1) < 2 * least


def test_a_resolution_that_memory_does_not_hold_is_passed_over() -> None:
    def speeds(resolution: int) -> dict[ModelName, Speed]:
        if resolution == 224:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return _speeds(1e6)(resolution)

    assert largest(STUDY, 86_400, 1, speeds) == 128

    def broken(resolution: int) -> dict[ModelName, Speed]:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        largest(STUDY, 86_400, 1, broken)
    assert largest(STUDY, 300, 1, broken) == 32, "nothing is measured for so short a study"
