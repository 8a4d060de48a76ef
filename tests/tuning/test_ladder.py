"""The first trials of every arm: three fixed steps, then beyond an edge or what Optuna proposes."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.matrix import arms
from study.records import RunRecord, RunState
from study.spec import Arm, HyperParams, LrPolicy, Purpose, RunSpec
from study.training.defaults import default_hyper
from study.tuning import Search, best, edge
from study.tuning.ladder import rung_of_ladder
from study.tuning.space import BREADTH, distributions

UNIFORM = next(arm for arm in arms() if arm.lr_policy is LrPolicy.UNIFORM)
DISCRIMINATIVE = next(arm for arm in arms() if arm.lr_policy is LrPolicy.DISCRIMINATIVE)
BASE = default_hyper(UNIFORM).lr


def _record(
    arm: Arm, number: int, hyper: HyperParams, accuracy: float, state: RunState = RunState.FINISHED
) -> RunRecord:
    spec = RunSpec(arm=arm, purpose=Purpose.TRIAL, seed=0, hyper=hyper, rung=2_000, trial=number)
    return RunRecord(spec=spec, state=state, val_accuracy=accuracy)


def _known(arm: Arm, *tried: tuple[float, float]) -> tuple[RunRecord, ...]:
    """Trials with (factor of the default rate, accuracy)."""
    base = default_hyper(arm)
    return tuple(
        _record(arm, n, HyperParams(lr=base.lr * factor, lr_decay=base.lr_decay and 1.7), accuracy)
        for n, (factor, accuracy) in enumerate(tried)
    )


@pytest.mark.parametrize("arm", arms(), ids=lambda arm: arm.name)
def test_the_first_three_are_the_same_for_every_arm(arm: Arm) -> None:
    base = default_hyper(arm)
    found = [rung_of_ladder(arm, number, ()) for number in range(3)]
    assert [hyper.lr / base.lr for hyper in found if hyper] == pytest.approx([1.0, 1 / 3, 3.0])
    decays = [hyper.lr_decay for hyper in found if hyper]
    discriminative = arm.lr_policy is LrPolicy.DISCRIMINATIVE
    assert decays == ([2.6, 1.3, 1.7] if discriminative else [None] * 3)
    assert found[0] == base
    assert {(h.weight_decay, h.label_smoothing) for h in found if h} == {
        (base.weight_decay, base.label_smoothing)
    }


@pytest.mark.parametrize("arm", [UNIFORM, DISCRIMINATIVE], ids=lambda arm: arm.name)
@pytest.mark.parametrize(
    ("tried", "beyond"),
    [
        ([(1, 0.5), (1 / 3, 0.4), (3, 0.6)], 9),
        ([(1, 0.5), (1 / 3, 0.6), (3, 0.4)], 1 / 9),
        ([(1, 0.5), (1 / 3, 0.4), (3, 0.6), (9, 0.7)], 27),
        ([(1, 0.5), (1 / 3, 0.6), (3, 0.4), (1 / 9, 0.7)], 1 / 27),
        ([(1, 0.5), (1 / 3, 0.4), (3, 0.6), (9, 0.7), (27, 0.8)], None),  # two beyond at most
        ([(1, 0.5), (1 / 3, 0.6), (3, 0.4), (1 / 9, 0.7), (1 / 27, 0.8)], None),
        ([(1, 0.6), (1 / 3, 0.4), (3, 0.5)], None),  # between: Optuna's turn
        ([(1, 0.5), (1 / 3, 0.4), (3, 0.6), (9, 0.5)], None),
    ],
)
def test_a_best_rate_at_an_end_is_extended_by_a_step(
    arm: Arm, tried: list[tuple[float, float]], beyond: float | None
) -> None:
    known = _known(arm, *tried)
    found = rung_of_ladder(arm, len(known), known)
    if beyond is None:
        assert found is None
        return
    assert found is not None and found.lr == pytest.approx(default_hyper(arm).lr * beyond)
    assert found.lr_decay == best(known).spec.hyper.lr_decay  # type: ignore[union-attr]


def test_the_space_holds_every_extension() -> None:
    for arm in arms():
        rate = distributions(arm)["lr"]
        base = default_hyper(arm).lr
        assert rate.low <= base / 27 and base * 27 <= rate.high  # type: ignore[attr-defined]
        assert rate.low == base / BREADTH and rate.high == base * BREADTH  # type: ignore[attr-defined]
        assert set(distributions(arm)) == (
            {"lr", "lr_decay"} if arm.lr_policy is LrPolicy.DISCRIMINATIVE else {"lr"}
        )


def test_only_finished_trials_count() -> None:
    known = _known(UNIFORM, (1, 0.5), (1 / 3, 0.4))
    failed = _record(UNIFORM, 2, HyperParams(lr=BASE * 3), 0.9, RunState.FAILED)
    assert best((*known, failed)) == known[0] and edge((*known, failed)) == 1
    assert best((failed,)) is None and edge((failed,)) == 0 and edge(known[:1]) == 0
    assert rung_of_ladder(UNIFORM, 3, (failed,)) is None
    even = _known(UNIFORM, (1, 0.5), (3, 0.5))
    assert best(even) == even[0], "of equals the first"


def _accuracy(hyper: HyperParams, peak: float) -> float:
    """A smooth hill over the rate's logarithm, highest at `peak` times the default."""
    from math import log

    return 0.8 - 0.01 * (log(hyper.lr / default_hyper(UNIFORM).lr) - log(peak)) ** 2


def _searched(folder: Path, peak: float, *, stops: bool, trials: int = 7) -> list[HyperParams]:
    """What is proposed one after the other; where it stops, every trial in a process of its own, with
    the storage lost in the middle."""
    known: tuple[RunRecord, ...] = ()
    search = Search(folder / "optuna.db", UNIFORM, seed=5, known=())
    for number in range(trials):
        if stops:
            if number == 5:
                (folder / "optuna.db").unlink()
            search = Search(folder / "optuna.db", UNIFORM, seed=5, known=known)
            search.ask(number)  # asked, and killed before the trial was done
            search = Search(folder / "optuna.db", UNIFORM, seed=5, known=known)
        hyper = search.ask(number)
        record = _record(UNIFORM, number, hyper, _accuracy(hyper, peak))
        search.tell(record)
        known = (*known, record)
    return [record.spec.hyper for record in known]


@pytest.mark.parametrize("peak", [1.0, 30.0, 1 / 30])
def test_a_resumed_study_proposes_the_same(peak: float, tmp_path: Path) -> None:
    for name in ("unbroken", "stopped"):
        (tmp_path / name).mkdir()
    unbroken = _searched(tmp_path / "unbroken", peak, stops=False)
    assert _searched(tmp_path / "stopped", peak, stops=True) == unbroken
    factors = [hyper.lr / BASE for hyper in unbroken]
    ladder = {1.0: [1, 1 / 3, 3], 30.0: [1, 1 / 3, 3, 9, 27], 1 / 30: [1, 1 / 3, 3, 1 / 9, 1 / 27]}[peak]
    assert factors[: len(ladder)] == pytest.approx(ladder)
    # Then Optuna's, within the space and each another one.
    assert len(set(factors)) == 7 and all(1 / BREADTH <= f <= BREADTH for f in factors)


def test_an_interrupted_trial_goes_on_with_what_it_was_begun_with(tmp_path: Path) -> None:
    begun = HyperParams(lr=BASE * 1.234)
    search = Search(tmp_path / "optuna.db", UNIFORM, seed=5, known=())
    assert search.ask(0, begun) == begun
