"""The first trials of every arm: a ladder of rates, extended where its best lies at an end."""

from __future__ import annotations

from dataclasses import replace

from study.records import RunRecord
from study.spec import Arm, HyperParams
from study.training.defaults import default_hyper

#: Factors of the default rate, in order of trial, and the rate's decay from stage to stage beside it
#: for arms of discriminative rates.
STEPS = ((1.0, 2.6), (1 / 3, 1.3), (3.0, 1.7))
#: Factor by which a best rate at an end of what was tried is extended.
EXTENSION = 3.0
#: Extensions beyond the ladder's ends at most, so that every rate stays within the search space.
MOST_EXTENSIONS = 2


def rung_of_ladder(arm: Arm, number: int, known: tuple[RunRecord, ...]) -> HyperParams | None:
    """The hyperparameters of a trial, or None where Optuna shall propose some.

    Args:
        number: of the trial, from 0.
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
    """The finished trial that is best on validation; of equals the first."""
    done = [record for record in known if record.finished]
    return max(done, key=lambda record: record.val_accuracy or 0.0, default=None)


def edge(known: tuple[RunRecord, ...]) -> int:
    """Where the best rate lies among those tried: −1 at the lowest, 1 at the highest, 0 between."""
    rates = sorted({record.spec.hyper.lr for record in known if record.finished})
    found = best(known)
    if found is None or len(rates) < 2:
        return 0
    return {rates[0]: -1, rates[-1]: 1}.get(found.spec.hyper.lr, 0)
