"""The champion's clock: it trains as long as there is time, and always ends cooled down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
import torch

from study.networks import GOOGLENET
from study.records import RunState
from study.spec import Purpose, Recipe, RunSpec, Scope
from study.training import champion
from study.training.champion import LEAST_LOOKS, MOST_LOOKS, Clock, champion_spec
from study.training.checkpoint import trunk
from study.training.progress import Progress
from study.training.run import Workshop, run
from study.training.schedule import branch_point
from tests.training.conftest import SpecOf


@dataclass
class Machine:
    """A clock of its own: every step takes its seconds, every look its own."""

    budget: float
    step: float = 1.0
    now: float = 0.0

    def left(self) -> float:
        return self.budget - self.now

    def stop(self) -> bool:
        """Asked before every step and every batch of a look."""
        self.now += self.step
        return False


@dataclass(kw_only=True)
class Watched(Clock):
    """Keeps the factors that it gave, and when the cooldown began."""

    factors: list[float] = field(default_factory=list)
    began: float | None = None

    def begin_cooldown(self) -> None:
        super().begin_cooldown()
        self.began = self.left_of_all()

    def factor(self) -> float:
        self.factors.append(super().factor())
        return self.factors[-1]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    def make(**values: float) -> Machine:
        made = Machine(**values)
        monkeypatch.setattr(champion, "time", SimpleNamespace(monotonic=lambda: made.now))
        return made

    return make


@pytest.fixture
def spec(spec_of: SpecOf) -> RunSpec:
    return spec_of(
        GOOGLENET,
        Scope.FULL,
        purpose=Purpose.FINAL,
        train_images=128,
        rung=128,
        batch_size=16,
        recipe=Recipe(warm_up=64, cooldown=0.4),
    )


@pytest.mark.parametrize(
    ("rung", "batch", "varied"),
    [(10_000, 16, False), (32_000, 64, False), (64_000, 128, False), (500_000, 128, True)],
)
def test_a_longer_champion_has_larger_batches_and_more_variety(
    rung: int, batch: int, varied: bool, spec: RunSpec
) -> None:
    found = champion_spec(spec, lambda batch: rung)
    assert (found.purpose, found.rung, found.batch_size) == (Purpose.CHAMPION, rung, batch)
    assert found.hyper.lr == pytest.approx(spec.hyper.lr * (batch / 16) ** 0.5)
    assert (found.recipe.erase > 0) == varied
    assert replace(found.hyper, lr=spec.hyper.lr) == spec.hyper


def test_a_champion_has_the_largest_batch_with_which_it_sees_enough_samples(spec: RunSpec) -> None:
    seen = {16: 25_000, 64: 45_000, 128: 60_000}
    found = champion_spec(spec, seen.__getitem__)
    assert (found.batch_size, found.rung) == (64, 45_000)


def _clock(machine: Machine, source: RunSpec, judging: float = 20.0) -> Watched:
    return Watched(left_of_all=machine.left, from_run=source.run_id, judging=judging, judged_images=100)


def _planned(source: RunSpec) -> RunSpec:
    return replace(source, purpose=Purpose.CHAMPION, rung=5_000)


def test_it_goes_on_from_the_trunk_and_cools_down_by_the_clock(
    small: Workshop, spec: RunSpec, machine: Callable[..., Machine]
) -> None:
    run(spec, small)
    made = machine(budget=80.0)
    clock = _clock(made, spec)
    outcome = run(_planned(spec), small, stop=made.stop, clock=clock)
    record = outcome.record
    assert record.state is RunState.FINISHED, record.reason
    assert record.samples_seen == record.spec.rung > 128, "its rung is what it has reached"
    # The last 0.4 of all samples, those of the trunk before counted.
    assert clock.began is not None
    cooled = 16 * len(clock.factors)
    assert 0.3 <= cooled / record.samples_seen <= 0.45
    assert clock.factors == sorted(clock.factors, reverse=True)
    step = 1 / len(clock.factors)  # the first and the last step lie about one from the ends
    assert 1 - 2 * step <= clock.factors[0] <= 1 and 0 <= clock.factors[-1] <= 1.5 * step
    assert made.left() <= clock.judging, "what is left is what was kept for the last judgement"
    assert made.left() >= 20.0 - 3 * made.step - 3, "and the last judgement has had it"
    looked = [point for point in record.history if point.val_accuracy is not None]
    assert LEAST_LOOKS <= len(looked) <= LEAST_LOOKS + 1, "the last judgement among them"
    assert record.history[-1].val_accuracy == record.val_accuracy


def test_without_time_it_is_the_trunk_that_it_was_given(
    small: Workshop, spec: RunSpec, machine: Callable[..., Machine]
) -> None:
    run(spec, small)
    state, _ = trunk(small.folder, spec.run_id).load()
    assert state is not None
    made = machine(budget=0.0)
    outcome = run(_planned(spec), small, stop=made.stop, clock=_clock(made, spec))
    assert outcome.record.finished, outcome.record.reason
    assert outcome.record.samples_seen == branch_point(spec)
    assert outcome.record.step_seconds == pytest.approx(0, abs=0.02), "no step: its losses' mean alone"
    assert outcome.record.train_seconds >= state["seconds"] > 0
    assert outcome.network is not None
    for name, value in outcome.network.named_parameters():
        assert torch.equal(value, state["network"][name]), name


def test_without_a_trunk_it_begins_anew(
    small: Workshop, spec: RunSpec, machine: Callable[..., Machine]
) -> None:
    made = machine(budget=45.0)
    clock = _clock(made, spec)
    record = run(_planned(spec), small, stop=made.stop, clock=clock).record
    assert record.finished and record.step_seconds == record.train_seconds
    assert 0.3 <= 16 * len(clock.factors) / record.samples_seen <= 0.5


@pytest.mark.parametrize("cut_at", [pytest.param(15, marks=pytest.mark.long), 42])
def test_a_champion_that_was_stopped_goes_on_from_its_own_trunk(
    small: Workshop, spec: RunSpec, machine: Callable[..., Machine], cut_at: int
) -> None:
    """Stopped in the trunk, or in the cooldown, which then begins anew from the trunk."""
    run(spec, small)
    made = machine(budget=70.0)
    clock = _clock(made, spec)
    first = run(_planned(spec), small, stop=lambda: made.stop() or made.now > cut_at, clock=clock).record
    assert first.state is RunState.INTERRUPTED and first.spec == _planned(spec)
    assert (clock.began is None) == (cut_at == 15)
    own = trunk(small.folder, _planned(spec).run_id).samples_seen()
    assert branch_point(spec) < own <= first.samples_seen
    again = machine(budget=40.0)
    record = run(_planned(spec), small, stop=again.stop, clock=_clock(again, spec)).record
    assert record.finished and record.samples_seen > own
    # Both parts are counted, but for what the trunk's own run has counted, and what was cooled in vain.
    state, _ = trunk(small.folder, spec.run_id).load()
    assert state is not None
    assert record.step_seconds == pytest.approx(record.train_seconds - state["seconds"])


def _running(clock: Clock, samples: int = 6_000, done: int = 0) -> Progress:
    progress = Progress(samples_seen=done)
    clock.begin(progress)
    progress.samples_seen = samples
    return progress


def test_the_cooldown_begins_where_what_is_left_is_its_share(machine: Callable[..., Machine]) -> None:
    """At 100 samples a second; 2,000 were there before it began."""
    made = machine(budget=110.0)
    clock = Clock(left_of_all=made.left, from_run="", judging=10.0, judged_images=100)
    progress = Progress(samples_seen=2_000)
    clock.begin(progress)
    began = None
    for second in range(1, 101):
        made.now, progress.samples_seen = float(second), 2_000 + 100 * second
        if clock.cooling(0.4):
            began = progress.samples_seen
            break
    # 12,000 in all: the last 0.4 begin at 7,200.
    assert began == 7_200
    assert clock.stride(32) == 96, "asked again after about a second's worth"


def test_a_factor_falls_to_zero_with_the_time(machine: Callable[..., Machine]) -> None:
    made = machine(budget=100.0)
    clock = Clock(left_of_all=made.left, from_run="", judging=10.0, judged_images=100)
    _running(clock)
    made.now = 50.0
    clock.begin_cooldown()
    factors = []
    for second in range(50, 101):
        made.now = float(second)
        factors.append(clock.factor())
        assert clock.over() == (second >= 90)
    assert factors[:41] == pytest.approx([1 - k / 40 for k in range(41)]) and set(factors[40:]) == {0.0}


def test_slow_looks_keep_more_time_for_the_last_judgement(machine: Callable[..., Machine]) -> None:
    made = machine(budget=100.0)
    clock = Clock(left_of_all=made.left, from_run="", judging=10.0, judged_images=14_000)
    assert clock.left() == 90
    clock.looked(1_000, 0.4)
    assert clock.judging == 10.0, "a quick one keeps no less than was foreseen"
    clock.looked(2_000, 4.0)
    assert clock.judging == pytest.approx(1.25 * 14_000 * 4 / 2_000 + 2) == pytest.approx(37)
    assert clock.left() == pytest.approx(63)
    clock.looked(2_000, 0.5)
    assert clock.judging == pytest.approx(37), "and what was kept stays"
    _running(clock, samples=6_300)
    made.now = 21.0
    assert not clock.cooling(0.4)
    clock.looked(2_000, 6.0)  # 54.5 seconds are kept now
    assert clock.cooling(0.6), "the cooldown comes earlier"
    made.now = 46.0
    assert clock.over()


@pytest.mark.parametrize(
    ("seconds", "looks"), [(20, LEAST_LOOKS), (100, LEAST_LOOKS), (250, 10), (4_000, MOST_LOOKS)]
)
def test_looks_are_spread_over_its_time(machine: Callable[..., Machine], seconds: int, looks: int) -> None:
    """One in 25 seconds, but not too few and not too many."""
    made = machine(budget=seconds + 1.0)
    clock = Clock(left_of_all=made.left, from_run="", judging=1.0, judged_images=100)
    _running(clock)
    due = []
    for second in range(1, seconds + 1):
        made.now = float(second)
        if clock.look_due():
            due.append(second)
    assert len(due) == looks
    assert all(0 <= second - seconds * (k + 1) / looks <= 1 for k, second in enumerate(due))
    late = Clock(left_of_all=made.left, from_run="", judging=1.0, judged_images=100)
    made.now = 0.0
    _running(late)
    made.now = seconds * 2.5 / looks
    assert late.look_due() and not late.look_due(), "one look for those that were missed"
