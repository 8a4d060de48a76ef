"""Times are taken when a device is done, not when it was told."""

from __future__ import annotations

import time

import pytest
import torch

from study.planning import cost
from study.planning.cost import Speed, _times


def test_the_clock_waits_for_a_device_that_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given, done = [], []

    def wait(device: torch.device) -> None:
        done.extend(given[len(done) :])

    def call() -> None:
        assert len(done) == len(given), "the call before is still at work"
        given.append(len(given))

    monkeypatch.setattr(torch.cuda, "synchronize", wait)
    _times(call, torch.device("cuda"))
    assert given and done == given


def test_slow_calls_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that takes seconds for a step, the warm-up is the measurement."""
    monkeypatch.setattr(cost, "_SECONDS", 0.1)
    calls = []

    def call() -> None:
        calls.append(time.sleep(0.15))

    median, tail = _times(call, torch.device("cpu"))
    assert len(calls) == 1 and median >= 0.15 and tail == 1


def test_larger_batches_gain_less_with_every_doubling() -> None:
    speed = Speed(train=200.0, inference=600.0, build=1.0, doubled=300.0)
    assert [speed.at_batch(times) for times in (1, 2, 4)] == pytest.approx([200, 300, 300 * 1.5**0.5])
    unknown = Speed(train=200.0, inference=600.0, build=1.0)
    assert unknown.at_batch(4) == 200
