"""The order of data, what a step draws, points of the curve, and what ends a training early."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from study.errors import TrainingError
from study.networks import VGG11
from study.spec import HyperParams, RunSpec, Scope
from study.training.loop import Order, Trainer, batch_sizes, settling_generator, step_generator
from study.training.progress import Progress
from study.training.runtime import detect
from tests.training.conftest import SpecOf


def test_an_epoch_shows_every_image_once_and_the_next_in_another_order() -> None:
    order = Order(50, seed=4)
    epochs = [order.take(50 * k, 50).tolist() for k in range(4)]
    assert all(sorted(epoch) == list(range(50)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


@given(
    pool=st.integers(1, 60),
    seed=st.integers(0, 10**8),
    position=st.integers(0, 1_000),
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=8),
    draw=st.randoms(),
)
def test_the_order_depends_on_seed_and_position_alone(
    pool: int, seed: int, position: int, sizes: list[int], draw: object
) -> None:
    """Not on the batches, nor on where a training was taken up, nor on what was drawn before."""
    whole = Order(pool, seed).take(position, sum(sizes))
    starts = [position + sum(sizes[:k]) for k in range(len(sizes))]
    places = list(zip(starts, sizes, strict=True))
    draw.shuffle(places)  # type: ignore[attr-defined]
    order = Order(pool, seed)
    for start, size in places:
        drawn = whole[start - position : start - position + size]
        assert order.take(start, size).tolist() == drawn.tolist()


def test_another_seed_has_another_order() -> None:
    first, second = (Order(40, seed).take(0, 60).tolist() for seed in (1, 2))
    assert first != second


def test_what_a_step_draws_depends_on_seed_and_position_alone() -> None:
    """Seeds are those of the runs of a study; no step draws what the images for BatchNorm do."""

    def drawn(make: Callable[[int, int], torch.Generator], seed: int, position: int) -> list[float]:
        return torch.rand(4, generator=make(seed, position)).tolist()

    positions = (0, 1, 32, 64, 1_000_000, 1_000_032)
    places = [
        (make, study * 100_000 + number, position)
        for make in (step_generator, settling_generator)
        for study in (0, 7, 99_999_999)
        for number in range(1, 11)
        for position in positions
    ]
    found = [drawn(*place) for place in places]
    assert found == [drawn(*place) for place in places]
    assert len({tuple(values) for values in found}) == len(places)


@pytest.mark.parametrize(
    ("samples", "sizes"),
    [(64, [32, 32]), (70, [32, 32, 6]), (65, [32, 33]), (33, [33]), (1, [1]), (5, [5]), (0, [])],
)
def test_no_batch_is_a_single_image_where_there_are_more(samples: int, sizes: list[int]) -> None:
    assert batch_sizes(samples, 32) == sizes


class _Toy:
    """A linear layer on random numbers with dropout, trained by the study's own loop."""

    def __init__(self, spec: RunSpec, progress: Progress | None = None) -> None:
        torch.manual_seed(1)
        self.layer, self.progress = nn.Linear(4, 10), progress or Progress()
        self.rates: list[float] = []
        self.sizes: list[int] = []
        x = torch.randn(spec.train_images, 4)

        def forward(chosen: Tensor, position: int) -> Tensor:
            self.sizes.append(len(chosen))
            self.rates.append(self.trainer.optimizer.param_groups[0]["lr"])
            logits: Tensor = self.layer(nn.functional.dropout(x[chosen], 0.5))
            return logits

        self.trainer = Trainer(
            forward,
            [{"params": list(self.layer.parameters()), "lr": 1e-2}],
            torch.arange(spec.train_images) % 10,
            spec,
            detect("cpu", "fp32"),
            progress=self.progress,
            stop=lambda: None,
        )


@pytest.fixture
def spec(spec_of: SpecOf) -> RunSpec:
    return spec_of(VGG11, Scope.FROZEN)


def test_each_step_has_the_factor_of_where_it_begins(spec: RunSpec) -> None:
    toy = _Toy(spec)
    toy.trainer.advance(70, lambda seen: seen / 100)
    assert toy.sizes == [32, 32, 6]
    assert toy.rates == pytest.approx([0.0, 0.32e-2, 0.64e-2])
    assert toy.progress.samples_seen == 70


def test_dropout_and_order_are_those_of_the_position(spec: RunSpec) -> None:
    """A training that goes on part by part, with other draws between, ends as one that does not."""
    at_once, parts = _Toy(spec), _Toy(spec)
    at_once.trainer.advance(320, lambda seen: 1.0)
    for until in (64, 96, 320):
        torch.rand(7)
        parts.trainer.advance(until, lambda seen: 1.0)
    assert torch.equal(at_once.layer.weight, parts.layer.weight)


def test_the_random_state_of_the_process_is_left_alone(spec: RunSpec) -> None:
    toy = _Toy(spec)
    before = torch.get_rng_state()
    toy.trainer.advance(64, lambda seen: 1.0)
    assert torch.equal(torch.get_rng_state(), before)


def test_points_come_rarer_as_a_training_grows(spec: RunSpec) -> None:
    toy, seen = _Toy(spec), list[int]()
    toy.trainer.advance(32_000, lambda seen: 1.0, lambda: seen.append(toy.progress.samples_seen))
    points = [point.samples_seen for point in toy.progress.history]
    assert points == seen and points[0] == 512
    gaps = [b - a for a, b in itertools.pairwise(points)]
    assert all(gap >= 500 for gap in gaps) and gaps == sorted(gaps) and len(points) < 40
    assert all(gap <= max(500, a / 8) + 32 for a, gap in zip(points, gaps, strict=False))
    seconds = [point.seconds for point in toy.progress.history]
    assert seconds == sorted(seconds) and seconds[-1] <= toy.progress.seconds
    assert all(point.val_accuracy is None for point in toy.progress.history)


def test_a_point_has_the_mean_loss_since_the_last_one(spec: RunSpec) -> None:
    toy = _Toy(spec)
    toy.trainer.advance(64, lambda seen: 1.0)
    losses = [float(loss) for loss in toy.trainer.losses]
    assert len(losses) == 2
    first = toy.trainer.note_point(0.5, 1.5)
    assert first.train_loss == pytest.approx(sum(losses) / 2)
    assert (first.val_accuracy, first.val_loss, first.samples_seen) == (0.5, 1.5, 64)
    again = toy.trainer.note_point()
    assert toy.progress.history == [again], "one point for each number of samples"
    assert again.train_loss == first.train_loss
    toy.trainer.advance(96, lambda seen: 1.0)
    (last,) = toy.trainer.losses
    assert toy.trainer.note_point().train_loss == pytest.approx(float(last))
    assert len(toy.progress.history) == 2


def test_a_loss_that_is_no_number_ends_the_run(spec_of: SpecOf) -> None:
    spec = spec_of(VGG11, Scope.FROZEN, hyper=HyperParams(lr=1.0))
    toy = _Toy(spec)
    nn.init.constant_(toy.layer.weight, float("nan"))
    with pytest.raises(TrainingError, match="loss is nan after 512 samples"):
        toy.trainer.advance(1_024, lambda seen: 1.0)
