"""Speeds that would cost a study its arms are measured again; the best counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from study.planning.measuring import MOST_REPEATS, REST, Stakes, best, settle

from study.planning.cost import MOST_TAIL, Speed
from study.spec import ModelName, StudySpec

GOOD = Speed(train=300, inference=900, build=0.3, head=60_000, tail=1.2)
BUSY = Speed(train=40, inference=100, build=2.0, head=9_000, tail=1.3)
ONE = ModelName.VGG11


def _stakes(runs: float = 400.0, pretraining: float = 100.0) -> Stakes:
    return Stakes(study=StudySpec(models=(ONE,)), runs=runs, pretraining=pretraining)


@pytest.mark.parametrize(
    ("speed", "stakes", "why"),
    [
        (GOOD, _stakes(), ""),
        (BUSY, _stakes(), "pre-training would not fit"),
        (BUSY, _stakes(pretraining=0.0), "not every arm would fit"),
        (BUSY, _stakes(runs=float("inf"), pretraining=0.0), ""),
        (replace(GOOD, tail=MOST_TAIL), _stakes(), "equal steps took unequally long"),
    ],
)
def test_what_is_in_doubt(speed: Speed, stakes: Stakes, why: str) -> None:
    assert stakes.doubts({ONE.value: speed}) == ({ONE: why} if why else {})


class Machine:
    """Gives planted speeds in turn; each measurement and each rest takes its seconds."""

    def __init__(self, *speeds: Speed) -> None:
        self.speeds, self.now, self.measured = list(speeds), 0.0, 0
        self.stopped_at = float("inf")

    def measure(self, model: ModelName) -> Speed:
        self.now, self.measured = self.now + 5.0, self.measured + 1
        return self.speeds.pop(0) if len(self.speeds) > 1 else self.speeds[0]

    def rest(self, seconds: float) -> None:
        self.now += seconds

    def settled(self, seconds: float) -> tuple[Speed, list[str]]:
        said: list[str] = []
        found = settle(self.measure, _stakes(), seconds=seconds, say=said.append, rest=self.rest,
                       stop=lambda: self.now >= self.stopped_at, clock=lambda: self.now)  # fmt: skip
        return found[ONE.value], said


def test_a_busy_moment_does_not_decide_the_study() -> None:
    speed, said = Machine(BUSY, GOOD).settled(seconds=60)
    assert speed == GOOD
    assert said == ["vgg11: measured again (pre-training would not fit): 40 → 300 images/s"]


def test_a_slow_machine_is_believed_after_some_tries() -> None:
    machine = Machine(BUSY)
    speed, said = machine.settled(seconds=1_000)
    assert speed == BUSY and len(said) == MOST_REPEATS and machine.measured == MOST_REPEATS + 1


def test_a_signal_ends_the_repeats() -> None:
    machine = Machine(BUSY)
    machine.stopped_at = 5 + REST  # during the first rest
    speed, said = machine.settled(seconds=1_000)
    assert (speed, said, machine.measured) == (BUSY, [], 1)


def test_repeats_stay_within_their_seconds() -> None:
    for seconds, repeats in ((0, 0), (5 + REST - 0.1, 0), (5 + REST, 1), (2 * (5 + REST), 2)):
        machine = Machine(BUSY)
        machine.settled(seconds=seconds)
        assert machine.measured == 1 + repeats and machine.now <= 5 + seconds


def test_a_good_speed_is_measured_once() -> None:
    machine = Machine(GOOD)
    assert machine.settled(seconds=1_000) == (GOOD, []) and machine.measured == 1


def test_the_better_of_each_is_kept() -> None:
    mixed = replace(BUSY, inference=950, tail=1.1)
    assert best(GOOD, mixed) == replace(GOOD, inference=950, tail=1.1)
