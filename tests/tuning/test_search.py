"""The search starts from the defaults, does not repeat itself, and can be rebuilt from records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from study.matrix import arms
from study.records import RunRecord, RunState
from study.spec import MOST_SEED, Arm, HyperParams, LrPolicy, Purpose, RunSpec
from study.training.defaults import default_hyper
from study.tuning import Search


def _record(arm: Arm, number: int, hyper: HyperParams) -> RunRecord:
    spec = RunSpec(
        arm=arm, purpose=Purpose.TRIAL, seed=0, hyper=hyper, train_images=10, rung=10, trial=number
    )
    return RunRecord(spec=spec, state=RunState.FINISHED, val_accuracy=0.5 + number / 100)


@pytest.mark.parametrize("arm", [arms()[0], arms()[-1]], ids=lambda arm: arm.name)
def test_trials_differ_and_begin_with_the_default(arm: Arm, tmp_path: Path) -> None:
    known: tuple[RunRecord, ...] = ()
    for number in range(6):
        search = Search(tmp_path / "optuna.db", arm, seed=3, known=known)
        record = _record(arm, number, search.ask(number))
        search.tell(record)
        known = (*known, record)
    chosen = [record.spec.hyper for record in known]
    assert chosen[0] == default_hyper(arm)
    assert len({hyper.lr for hyper in chosen}) == 6
    assert all((h.lr_decay is not None) == (arm.lr_policy is LrPolicy.DISCRIMINATIVE) for h in chosen)


def test_a_lost_storage_is_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    arm = arms()[0]
    known = tuple(_record(arm, n, HyperParams(lr=0.001 * (n + 1), weight_decay=0.01)) for n in range(3))
    one = Search(tmp_path / "a.db", arm, seed=0, known=known)
    again = Search(tmp_path / "a.db", arm, seed=0, known=known)
    assert one.ask(3) == Search(tmp_path / "b.db", arm, seed=0, known=known).ask(3)
    assert len(again._study.get_trials()) == 4


@pytest.mark.parametrize("seed", [4_256_658, MOST_SEED])
def test_every_seed_that_a_study_may_have_is_taken(tmp_path: Path, seed: int) -> None:
    told: list[str] = []
    known: tuple[RunRecord, ...] = ()
    for number in range(2):
        search = Search(tmp_path / "optuna.db", arms()[0], seed=seed, known=known, on_rebuilt=told.append)
        record = _record(arms()[0], number, search.ask(number))
        search.tell(record)
        known = (*known, record)
    assert known[0].spec.hyper != known[1].spec.hyper
    assert not told and not list(tmp_path.glob("*.damaged-*"))


@pytest.mark.parametrize("rebuilt", [False, True], ids=["as told", "from the ledger"])
def test_a_dashboard_finds_factors_seed_rung_and_state_of_every_trial(
    rebuilt: bool, tmp_path: Path
) -> None:
    arm, path = arms()[-1], tmp_path / "optuna.db"
    known: tuple[RunRecord, ...] = ()
    for number in range(2):
        search = Search(path, arm, seed=3, known=known)
        record = _record(arm, number, search.ask(number))
        if number:
            record = replace(record, state=RunState.FAILED, val_accuracy=None)
        search.tell(record)
        known = (*known, record)
    if rebuilt:
        path.unlink()
        Search(path, arm, seed=3, known=known)
    study = optuna.load_study(storage=f"sqlite:///{path}", study_name=arm.name)
    assert study.user_attrs == {
        "model": arm.model,
        "init": arm.init.value,
        "scope": arm.scope.value,
        "lr_policy": arm.lr_policy.value,
    }
    assert study.metric_names == ["validation accuracy"]
    told = [trial.user_attrs for trial in study.get_trials() if not rebuilt or trial.value is not None]
    wanted = [{"run_id": r.spec.run_id, "seed": 0, "rung": 10, "state": r.state.value} for r in known]
    assert told == (wanted[:1] if rebuilt else wanted), "of the failed ones the ledger alone is asked"
