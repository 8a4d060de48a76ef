"""Which judgements count: the highest rung of each arm and seed, the tuned ones, the champion apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from study.matrix import arms
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec
from study.store.tables import (
    champion,
    highest,
    history_table,
    results_table,
    rungs_table,
    standing,
    trials_table,
    write_tables,
)

ARM = arms()[1]
DEFAULT, TUNED = HyperParams(lr=0.001), HyperParams(lr=0.003)


def _run(
    rung: int,
    seed: int = 1,
    hyper: HyperParams = DEFAULT,
    state: RunState = RunState.FINISHED,
    purpose: Purpose = Purpose.FINAL,
    **measured: object,
) -> RunRecord:
    trial = 0 if purpose is Purpose.TRIAL else None
    spec = RunSpec(arm=ARM, purpose=purpose, seed=seed, hyper=hyper, rung=rung, trial=trial)
    return RunRecord(spec=spec, state=state, samples_seen=rung, **measured)  # type: ignore[arg-type]


def test_what_tuning_chose_takes_the_place_of_the_default() -> None:
    default, tuned = _run(2_000), _run(2_000, hyper=TUNED)
    assert default.spec.run_id != tuned.spec.run_id
    assert standing([default, tuned]) == [tuned] == highest([default, tuned])
    other = _run(2_000, seed=2)
    assert standing([default, other, tuned]) == [tuned, other], "of the same seed alone"
    longer = _run(4_000)
    assert standing([default, longer, tuned]) == [tuned, longer], "at the same rung alone"


def test_a_tuned_run_that_was_not_finished_takes_no_place() -> None:
    default = _run(2_000)
    for state in (RunState.INTERRUPTED, RunState.FAILED, RunState.SKIPPED):
        assert standing([default, _run(2_000, hyper=TUNED, state=state)]) == [default]
    first, second = (_run(2_000, hyper=h, state=RunState.FAILED) for h in (DEFAULT, TUNED))
    assert standing([first, second]) == [second], "of two tries the last"


def test_the_highest_finished_rung_counts() -> None:
    low, high = _run(2_000), _run(4_000)
    cut_off = _run(8_000, state=RunState.INTERRUPTED)
    for order in ([low, high, cut_off], [cut_off, high, low]):
        assert highest(order) == [high]
    assert highest([cut_off]) == [cut_off]
    assert highest([_run(2_000, state=RunState.FAILED), cut_off]) == [cut_off]
    assert {r.spec.seed for r in highest([low, _run(2_000, seed=2)])} == {1, 2}


def test_trials_side_runs_and_champions_are_none_of_the_matrix() -> None:
    trial, longest = _run(2_000, purpose=Purpose.TRIAL), _run(64_000, purpose=Purpose.CHAMPION)
    assert standing([trial, longest]) == [] == highest([trial, longest])
    assert len(rungs_table([trial, longest])) == 0 and len(trials_table([trial, longest])) == 1


def test_the_champion_is_the_last_finished_one() -> None:
    assert champion([_run(2_000)]) is None
    first = _run(8_000, purpose=Purpose.CHAMPION)
    second = _run(9_000, purpose=Purpose.CHAMPION)
    cut_off = _run(99_000, purpose=Purpose.CHAMPION, state=RunState.INTERRUPTED)
    assert champion([first, second, cut_off]) == second
    assert champion([cut_off]) == cut_off


def test_results_have_a_row_for_each_seed_and_the_champion_apart(tmp_path: Path) -> None:
    records = [
        _run(2_000, test_accuracy=0.5, test_images=500),
        _run(4_000, test_accuracy=0.6, test_images=1_000),
        _run(2_000, seed=2, test_accuracy=0.4, test_images=500),
        _run(30_000, purpose=Purpose.CHAMPION, test_accuracy=0.8, test_images=10_000),
    ]
    write_tables(records, tmp_path)
    results = pd.read_csv(tmp_path / "results.csv")
    assert results[["role", "seed", "rung", "test_images"]].values.tolist() == [
        ["matrix", 1, 4_000, 1_000],
        ["matrix", 2, 2_000, 500],
        ["champion", 1, 30_000, 10_000],
    ]
    assert results["train_images"].tolist() == [4_000, 2_000, 30_000]
    rungs = pd.read_csv(tmp_path / "rungs.csv")
    assert rungs[["role", "seed", "rung"]].values.tolist() == [
        ["matrix", 1, 2_000],
        ["matrix", 1, 4_000],
        ["matrix", 2, 2_000],
    ]


def test_what_was_skipped_has_no_rung_and_no_length() -> None:
    row = results_table([_run(2_000, state=RunState.SKIPPED, reason="not reached")]).iloc[0]
    assert row["state"] == "skipped" and row["reason"] == "not reached"
    assert row[["rung", "train_images", "samples_seen", "lr", "train_seconds"]].isna().all()


def test_a_curve_is_that_of_the_highest_rung_and_may_lack_validation() -> None:
    def point(samples: int, accuracy: float | None) -> EvaluationPoint:
        return EvaluationPoint(samples_seen=samples, seconds=1.0, train_loss=0.5, val_accuracy=accuracy)

    low = replace(_run(2_000), history=(point(2_000, 0.5),))
    high = replace(_run(4_000), history=(point(1_200, None), point(4_000, 0.6)))
    empty = _run(8_000, state=RunState.FAILED)
    for order in ([low, high, empty], [high, low, empty]):
        table = history_table(order)
        assert table[["rung", "samples_seen"]].values.tolist() == [[4_000, 1_200], [4_000, 4_000]]
        assert table["val_accuracy"].isna().tolist() == [True, False]
