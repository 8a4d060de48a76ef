"""Optuna by ask-and-tell: it advises, the ledger decides; its storage can always be rebuilt."""

from __future__ import annotations

from pathlib import Path

import optuna

from study.records import RunRecord, RunState
from study.spec import Arm, HyperParams
from study.training.defaults import default_hyper
from study.tuning.space import distributions


class Search:
    """The trials of one arm. The first one is the arm's default hyperparameters."""

    def __init__(self, storage: Path, arm: Arm, *, seed: int, known: tuple[RunRecord, ...]) -> None:
        """Open the arm's study; trials that the ledger knows and Optuna does not are added."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = distributions(arm)
        self._seed = seed
        self._study = optuna.create_study(
            storage=f"sqlite:///{storage}",
            study_name=arm.name,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
        )
        for trial in self._study.get_trials(
            deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)
        ):
            self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        told = {trial.user_attrs.get("run_id") for trial in self._study.get_trials(deepcopy=False)}
        for record in known:
            if record.spec.run_id not in told and record.val_accuracy is not None:
                self._study.add_trial(self._frozen(record))
        self._arm = arm
        self._trial: optuna.trial.Trial | None = None

    def ask(self, number: int, begun: HyperParams | None = None) -> HyperParams:
        """Hyperparameters of trial `number` (0 is the default); `begun`: those it was begun with."""
        # Seeded by trial, so that a resumed study proposes what an unbroken one would have, and
        # no two trials of an arm draw the same numbers.
        self._study.sampler = _sampler(self._seed * 1_009 + number)
        given = begun or (default_hyper(self._arm) if number == 0 else None)
        if given is not None:
            self._study.enqueue_trial(_parameters(given))
        self._trial = self._study.ask(self._space)
        values = self._trial.params
        return HyperParams(
            lr=values["lr"],
            weight_decay=values["weight_decay"],
            label_smoothing=values["label_smoothing"],
            lr_decay=values.get("lr_decay"),
        )

    def should_prune(self, value: float, step: int) -> bool:
        """Report validation accuracy at an evaluation point; True means the trial is hopeless."""
        assert self._trial is not None
        self._trial.report(value, step)
        return self._trial.should_prune()

    def tell(self, record: RunRecord) -> None:
        """The outcome, after the ledger has it."""
        assert self._trial is not None
        self._trial.set_user_attr("run_id", record.spec.run_id)
        if record.state is RunState.FINISHED:
            self._study.tell(self._trial, record.val_accuracy)
        elif record.state is RunState.PRUNED:
            self._study.tell(self._trial, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(self._trial, state=optuna.trial.TrialState.FAIL)

    def _frozen(self, record: RunRecord) -> optuna.trial.FrozenTrial:
        finished = record.state is RunState.FINISHED
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.COMPLETE if finished else optuna.trial.TrialState.PRUNED,
            params=_parameters(record.spec.hyper),
            distributions=self._space,
            value=record.val_accuracy if finished else None,
            intermediate_values={
                step: point.val_accuracy for step, point in enumerate(record.history)
            },
            user_attrs={"run_id": record.spec.run_id},
        )


def _sampler(seed: int) -> optuna.samplers.TPESampler:
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=4, multivariate=True)


def _parameters(hyper: HyperParams) -> dict[str, float]:
    values = {
        "lr": hyper.lr,
        "weight_decay": hyper.weight_decay,
        "label_smoothing": hyper.label_smoothing,
    }
    if hyper.lr_decay is not None:
        values["lr_decay"] = hyper.lr_decay
    return values
