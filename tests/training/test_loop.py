"""The order of data, the schedule of the rate, and what ends a training early."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from study.errors import TrainingError
from study.records import EvaluationPoint
from study.spec import ModelName, RunSpec, Scope
from study.training.loop import batch_sizes, batches, fit, schedule
from study.training.progress import Progress
from study.training.runtime import detect
from tests.training.conftest import SpecOf


def test_an_epoch_shows_every_image_once_and_the_next_in_another_order() -> None:
    drawn = torch.cat(list(batches(pool=50, samples=100, batch_size=16, seed=4)))
    assert len(drawn) == 100
    first, second = drawn[:50], drawn[50:]
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(50))
    assert first.tolist() != second.tolist()


def test_the_order_depends_on_the_seed_and_not_on_the_batch() -> None:
    def order(batch_size: int, seed: int) -> list[int]:
        return torch.cat(list(batches(40, 60, batch_size, seed))).tolist()

    assert order(7, 1) == order(16, 1) != order(7, 2)


@pytest.mark.parametrize(
    ("samples", "sizes"),
    [(64, [32, 32]), (70, [32, 32, 6]), (65, [32, 33]), (33, [33]), (1, [1]), (5, [5])],
)
def test_no_batch_is_a_single_image_where_there_are_more(samples: int, sizes: list[int]) -> None:
    assert batch_sizes(samples, 32) == sizes
    drawn = list(batches(pool=20, samples=samples, batch_size=32, seed=1))
    assert [len(chosen) for chosen in drawn] == sizes


def test_the_rate_rises_peaks_and_falls_to_nothing() -> None:
    values = [schedule(share / 100) for share in range(101)]
    peak = values.index(max(values))
    assert values[:peak] == sorted(values[:peak]) and values[peak:] == sorted(values[peak:])[::-1]
    assert max(values) == pytest.approx(1.0, abs=0.01) and 0 <= values[-1] < 1e-6
    assert values[0] > 0


def _fit(spec: RunSpec, forward: nn.Module, progress: Progress, seen: list[EvaluationPoint]) -> None:
    x = torch.randn(spec.train_images, 4)

    def logits(chosen: Tensor) -> Tensor:
        found: Tensor = forward(x[chosen])
        return found

    fit(
        logits, [{"params": list(forward.parameters()), "lr": 1e-2}],
        torch.zeros(spec.train_images, dtype=torch.int64), spec, detect("cpu", "fp32"),
        progress=progress, stop=lambda: None, evaluate=lambda: (0.5, 1.0),
        on_evaluation=seen.append,
    )  # fmt: skip


def test_evaluation_points_are_even_and_the_last_is_at_the_end(spec_of: SpecOf) -> None:
    spec = spec_of(ModelName.VGG11, Scope.FROZEN, samples=250, evaluations=5)
    progress, seen = Progress(), list[EvaluationPoint]()
    _fit(spec, nn.Linear(4, 10), progress, seen)
    assert [point.samples_seen for point in seen] == [64, 128, 160, 224, 250]
    assert progress.history == seen and progress.samples_seen == 250
    assert [p.seconds for p in seen] == sorted(p.seconds for p in seen)


def test_a_last_batch_that_took_one_more_is_judged_too(spec_of: SpecOf) -> None:
    spec = spec_of(ModelName.VGG11, Scope.FROZEN, samples=257, evaluations=4)
    progress, seen = Progress(), list[EvaluationPoint]()
    _fit(spec, nn.Linear(4, 10), progress, seen)
    assert [point.samples_seen for point in seen] == [96, 160, 224, 257]
    assert progress.samples_seen == 257


def test_a_loss_that_is_no_number_ends_the_run(spec_of: SpecOf) -> None:
    head = nn.Linear(4, 10)
    nn.init.constant_(head.weight, float("nan"))
    with pytest.raises(TrainingError, match="loss is nan"):
        _fit(spec_of(ModelName.VGG11, Scope.FROZEN), head, Progress(), [])
