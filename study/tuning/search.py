"""Uses Optuna by ask-and-tell. The ledger is the truth: Optuna's storage can be rebuilt from it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.trial import TrialState

from study.errors import StoreError
from study.records import RunRecord, RunState
from study.spec import Arm, HyperParams
from study.training.defaults import default_hyper
from study.tuning.ladder import STEPS, rung_of_ladder
from study.tuning.space import distributions
from study.tuning.storage import (
    BROKEN,
    Unsound,
    disk_is_full,
    file_system_refuses,
    require_sound,
    set_aside,
    told,
)

#: States of trials that Optuna learns from. Its storage has each trial of the ledger once in one of them.
_SETTLED = {RunState.FINISHED: TrialState.COMPLETE}
#: Name of the value that the trials are compared by, for programs that show the storage.
METRIC = "validation accuracy"


class Search:
    """Proposes the trials of one arm: first those of `study.tuning.ladder`, then Optuna's."""

    def __init__(
        self,
        storage: Path,
        arm: Arm,
        *,
        seed: int,
        known: tuple[RunRecord, ...],
        on_rebuilt: Callable[[str], None] = lambda told: None,
        on_memory: Callable[[str], None] = lambda told: None,
    ) -> None:
        """Opens the arm's Optuna study and brings it into agreement with the ledger.

        A storage that is missing, damaged, locked by another program, or disagrees with the ledger is
        renamed and rebuilt. Where its file system refuses what SQLite needs, the study is kept in memory,
        rebuilt from the ledger as well.

        Args:
            path: Optuna's SQLite file.
            arm: the arm.
            seed: of the study.
            known: the arm's trials in the ledger.
            on_rebuilt: receives the reason and the new name of the old file.
            on_memory: receives the reason for a study in memory.

        Raises:
            StoreError: the disk is full, or the storage cannot be replaced.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._path, self._arm, self._seed = storage, arm, seed
        self._known, self._on_rebuilt = known, on_rebuilt
        self._on_memory, self._in_memory = on_memory, False
        self._space = distributions(arm)
        self._trial: optuna.trial.Trial | None = None
        gone = any(record.state in _SETTLED for record in known) and not storage.exists()
        try:
            require_sound(storage)
            self._study = self._open()
        except BROKEN as error:
            self._rebuild(error)
        if gone and not self._in_memory:
            on_rebuilt(f"{storage.name} was gone")

    def ask(self, number: int, begun: HyperParams | None = None) -> HyperParams:
        """Returns the hyperparameters of a trial, from the ladder or else from Optuna.

        Args:
            number: of the trial; all earlier trials have been told.
            begun: the hyperparameters of an interrupted trial with this number.

        Raises:
            StoreError: the disk is full, or the storage cannot be replaced.
        """
        # The seed depends on the trial, so that a resumed study gets the same proposals as an unbroken one
        # and no two trials of an arm use equal random numbers. It is set outside of the `try`, where its
        # errors would look like errors of the storage.
        first, second = (_sampler(self._seed * 1_009 + number) for _ in range(2))
        try:
            self._trial = self._ask(first, number, begun)
        except BROKEN as error:
            self._rebuild(error)
            self._trial = self._ask(second, number, begun)
        if begun is not None:
            return begun
        values = self._trial.params
        return replace(default_hyper(self._arm), lr=values["lr"], lr_decay=values.get("lr_decay"))

    def tell(self, record: RunRecord) -> None:
        """Reports the outcome of a trial to Optuna, after the ledger has stored it.

        Raises:
            StoreError: the disk is full, or the storage cannot be replaced.
        """
        assert self._trial is not None
        self._known = (*(r for r in self._known if r.spec.run_id != record.spec.run_id), record)
        try:
            if not self._in_memory and self._opened != _file(self._path):  # another arm's search rebuilt it
                self._study = self._open()
                return
            for name, value in _attributes(record).items():
                self._trial.set_user_attr(name, value)
            self._settle(self._trial.number, record)
        except BROKEN as error:
            self._rebuild(error)

    def _ask(
        self, sampler: optuna.samplers.TPESampler, number: int, begun: HyperParams | None
    ) -> optuna.trial.Trial:
        self._study.sampler = sampler
        given = begun or rung_of_ladder(self._arm, number, self._known)
        if given is not None:
            self._study.enqueue_trial(_parameters(given))
        return self._study.ask(self._space)

    def _settle(self, number: int, record: RunRecord | None) -> None:
        """Ends a running trial with the ledger's outcome, or as failed."""
        state = _SETTLED.get(record.state, TrialState.FAIL) if record else TrialState.FAIL
        if record is not None and state is TrialState.COMPLETE:
            self._study.tell(number, record.val_accuracy)
        else:
            self._study.tell(number, state=state)

    # ---- the storage
    def _open(self) -> optuna.Study:
        self._study = optuna.create_study(
            storage=optuna.storages.InMemoryStorage() if self._in_memory else f"sqlite:///{self._path}",
            study_name=self._arm.name,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.NopPruner(),
        )
        self._describe()
        self._agree()
        self._opened = _file(self._path)
        return self._study

    def _describe(self) -> None:
        """Stores the arm's factors and the name of the value; the search itself does not read them."""
        arm, known = self._arm, self._study.user_attrs
        factors = {
            "model": str(arm.model),
            "init": arm.init.value,
            "scope": arm.scope.value,
            "lr_policy": arm.lr_policy.value,
        }
        for name, value in factors.items():
            if known.get(name) != value:
                self._study.set_user_attr(name, value)
        if self._study.metric_names != [METRIC]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._study.set_metric_names([METRIC])

    def _agree(self) -> None:
        """Ends trials that a killed study left running, and adds trials that only the ledger has.

        Raises:
            Unsound: the storage has a trial twice, or one that the ledger does not have.
        """
        records = {record.spec.run_id: record for record in self._known}
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._settle(trial.number, records.get(trial.user_attrs.get("run_id", "")))
        while self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._settle(self._study.ask(self._space).number, None)
        settled = tuple(_SETTLED.values())
        have = [
            trial.user_attrs.get("run_id")
            for trial in self._study.get_trials(deepcopy=False, states=settled)
        ]
        wanted = {name for name, record in records.items() if record.state in _SETTLED}
        if len(have) != len(set(have)) or not wanted.issuperset(have):
            raise Unsound("its trials are not those of the ledger")
        for name, record in records.items():
            if name in wanted.difference(have):
                self._study.add_trial(self._frozen(record))

    def _rebuild(self, error: Exception) -> None:
        """Replaces a damaged storage, or goes on in memory where that does not help."""
        try:
            if self._in_memory or disk_is_full(error) or file_system_refuses(error):
                raise error
            kept = set_aside(self._path)
            where = f"kept as {kept}" if kept else "it was gone"
            self._on_rebuilt(f"{self._path.name}: {told(error)}; {where}")
            self._study = self._open()
        except BROKEN as again:
            if disk_is_full(again):
                raise StoreError(f"cannot write {self._path}: {told(again)}") from again
            if self._in_memory:
                raise StoreError(f"cannot use {self._path}: {told(again)}") from again
            self._in_memory = True
            self._on_memory(f"{self._path.name}: {told(again)}; the search goes on in memory")
            self._study = self._open()

    def _frozen(self, record: RunRecord) -> optuna.trial.FrozenTrial:
        finished = record.state is RunState.FINISHED
        return optuna.trial.create_trial(
            state=_SETTLED[record.state],
            params=_parameters(record.spec.hyper),
            distributions=self._space,
            value=record.val_accuracy if finished else None,
            user_attrs=_attributes(record),
        )


def _attributes(record: RunRecord) -> dict[str, str | int]:
    """Returns what the storage keeps of a trial besides its outcome; the first identifies it."""
    spec = record.spec
    return {"run_id": spec.run_id, "seed": spec.seed, "rung": spec.rung, "state": record.state.value}


def _file(path: Path) -> tuple[int, int] | None:
    """Identifies the file; a rebuilt one differs."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sampler(seed: int) -> optuna.samplers.TPESampler:
    seed %= 1 << 32  # the largest seed of NumPy's RandomState
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=len(STEPS), multivariate=True)


def _parameters(hyper: HyperParams) -> dict[str, float]:
    values = {"lr": hyper.lr}
    if hyper.lr_decay is not None:
        values["lr_decay"] = hyper.lr_decay
    return values
