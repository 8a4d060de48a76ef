"""Chooses the first trials of every arm: a ladder of rates, extended if the best rate is at an end."""

from __future__ import annotations

from dataclasses import replace

from study.records import RunRecord
from study.spec import Arm, HyperParams
from study.training.defaults import default_hyper

#: Factors of the default rate in order of trial and, for arms with discriminative rates, the decay between
#: stages that goes with each.
STEPS = ((1.0, 2.6), (1 / 3, 1.3), (3.0, 1.7))
#: Factor between the best rate at an end of the tried ones and the next one beyond it.
EXTENSION = 3.0
#: Maximum number of extensions, so that every rate stays within the search space.
MOST_EXTENSIONS = 2


def rung_of_ladder(arm: Arm, number: int, known: tuple[RunRecord, ...]) -> HyperParams | None:
    """Returns the hyperparameters of a trial, or None if Optuna is to propose them.

    Args:
        arm: the arm.
        number: number of the trial, from 0.
        known: the arm's trials so far.
    """
    default = default_hyper(arm)
    if number < len(STEPS):
        factor, decay = STEPS[number]
        chosen = replace(default, lr=default.lr * factor)
        return chosen if default.lr_decay is None else replace(chosen, lr_decay=decay)
    if (found := best(known)) is None or (side := edge(known)) == 0:
        return None
    beyond = found.spec.hyper.lr * EXTENSION**side
    ends = default.lr * EXTENSION ** (1 + MOST_EXTENSIONS)
    low = default.lr**2 / ends
    return replace(found.spec.hyper, lr=beyond) if 0.99 * low <= beyond <= 1.01 * ends else None


def best(known: tuple[RunRecord, ...]) -> RunRecord | None:
    """Returns the finished trial that is best on validation, the first of equal ones."""
    done = [record for record in known if record.finished]
    return max(done, key=lambda record: record.val_accuracy or 0.0, default=None)


def edge(known: tuple[RunRecord, ...]) -> int:
    """Returns −1 if the best rate is the lowest one tried, 1 if it is the highest, else 0."""
    rates = sorted({record.spec.hyper.lr for record in known if record.finished})
    found = best(known)
    if found is None or len(rates) < 2:
        return 0
    return {rates[0]: -1, rates[-1]: 1}.get(found.spec.hyper.lr, 0)
