"""Gives the analysis of a study the form that templates and figures need."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.analysis import Analysis
from study.analysis.arms import (
    CHAMPION,
    Row,
    Runs,
    accuracy_summary,
    arm_of,
    champion,
    key,
    main_runs,
    number,
    records,
    summary,
)
from study.analysis.artifacts import Artifacts
from study.analysis.finding import FindingDict
from study.analysis.predictions import confusion_shares
from study.analysis.registration import digest, rules
from study.analysis.sources import Sources
from study.datasets import DatasetDescriptor
from study.matrix import arms
from study.networks import DEFAULT, NETWORKS
from study.spec import Arm, Init
from study.store.tables import RESULT_COLUMNS

#: Columns of rungs.csv whose mean over an arm's finished seeds at its rung is an attribute of this name.
_MEANS = {
    "train": "train_accuracy",
    "val": "val_accuracy",
    "loss": "test_loss",
    "f1": "macro_f1",
    "ece": "ece",
    "seconds": "seconds",
    "speed": "images_per_second",
    "trainable": "trainable_parameters",
    "total": "total_parameters",
    "memory": "peak_memory_mb",
    "lr": "lr",
    "lr_decay": "lr_decay",
    "weight_decay": "weight_decay",
    "label_smoothing": "label_smoothing",
}


@dataclass(frozen=True, kw_only=True)
class ArmSummary:
    """One arm over its finished seeds at one rung; what was not measured is None.

    The means are also attributes of the summary, for example `train` (see `_MEANS`).

    Attributes:
        name: name of the arm.
        model: its network.
        init: its initial values.
        scope: its trained part.
        lr_policy: its learning rates.
        init_source: source of the pre-trained weights, or ``none``.
        run_ids: the runs, in order of seed.
        keys: names of their evaluations in predictions.npz.
        rung: samples of the rung; None without runs.
        seeds: seeds of the runs.
        values: test accuracies in [0, 1].
        mean: mean of `values`.
        sd: standard deviation of `values`.
        low: lower end of the 95 % interval of the mean, see `accuracy_summary`.
        high: its upper end.
        reason: why there is no finished run; otherwise empty.
        means: means of other columns over the same runs.
    """

    name: str
    model: str
    init: str
    scope: str
    lr_policy: str
    init_source: str
    run_ids: tuple[str, ...]
    keys: tuple[str, ...]
    rung: int | None
    seeds: tuple[int, ...]
    values: tuple[float, ...]
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    reason: str
    means: dict[str, float | None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The arm without its network, a key of `words.arm_short`."""
        return self.name.removeprefix(f"{self.model}-")

    @property
    def n(self) -> int:
        """The number of finished seeds."""
        return len(self.values)

    def __getattr__(self, name: str) -> float | None:
        if name in _MEANS:
            return self.means.get(name)
        raise AttributeError(name)


@dataclass(frozen=True, kw_only=True)
class Champion:
    """The network that was trained longest.

    The cells are also attributes of the champion by column name.

    Attributes:
        arm: summary of the champion's run alone.
        name: name of its evaluation in predictions.npz.
        cells: cells of its row of results.csv by column; None for an empty cell.
    """

    arm: ArmSummary
    name: str
    cells: Row

    @property
    def model(self) -> str:
        return self.arm.model

    @property
    def key(self) -> str:
        return self.arm.key

    def __getattr__(self, name: str) -> Any:
        if name in RESULT_COLUMNS:
            return self.cells.get(name)
        raise AttributeError(name)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Numbers of images that accuracies were measured on, which are equal for all runs of a rung.

    Attributes:
        validation: number of validation images.
        test: number of test images.
    """

    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything that the report may say or draw; absent files are empty tables and dictionaries.

    Attributes:
        analysis: the analysis, with the content of the results directory.
        arms: the arms of the study, network by network in the order of `study.matrix`.
        champion: the champion; None if it has not finished.
    """

    analysis: Analysis
    arms: tuple[ArmSummary, ...]
    champion: Champion | None

    @classmethod
    def of(cls, analysis: Analysis) -> ReportData:
        """Summarises the arms of a study, complete or not."""
        tables = analysis.sources
        runs = main_runs(tables.rungs)
        models = set(tables.results["model"]) or set(DEFAULT)
        longest = champion(tables.results)
        return cls(
            analysis=analysis,
            arms=tuple(
                _arm_summary(arm, runs, tables.results)
                for model in NETWORKS
                for arm in arms((model,))
                if model in models
            ),
            champion=None if longest is None else _champion(longest),
        )

    @property
    def tables(self) -> Sources:
        return self.analysis.sources

    @property
    def dataset(self) -> DatasetDescriptor:
        return self.tables.data

    @property
    def contrasts(self) -> pd.DataFrame:
        return self.analysis.contrasts

    @cached_property
    def findings(self) -> dict[str, FindingDict]:
        """The findings by id, as templates read them: nothing in them is NaN."""
        return {finding.id: finding.to_dict() for finding in self.analysis.findings}

    @cached_property
    def artifacts(self) -> Artifacts:
        """The arrays of the figures that can be drawn."""
        return self.tables.artifacts.whole()

    @property
    def results(self) -> pd.DataFrame:
        return self.tables.results

    @property
    def rungs(self) -> pd.DataFrame:
        return self.tables.rungs

    @property
    def trials(self) -> pd.DataFrame:
        return self.tables.trials

    @property
    def history(self) -> pd.DataFrame:
        return self.tables.history

    @property
    def plan(self) -> dict[str, Any]:
        return self.tables.plan

    @property
    def environment(self) -> dict[str, Any]:
        return self.tables.environment

    @property
    def registered(self) -> str:
        """SHA-256 of what was declared before the first evaluation; empty for an older study."""
        return str(self.environment.get("preregistration") or "")

    @property
    def registration_altered(self) -> bool:
        """Whether preregistration.json differs from what the ledger holds."""
        return bool(self.registered) and digest(self.tables.preregistration) != self.registered

    @property
    def rules_changed(self) -> bool:
        """Whether this version of the program judges by other rules than those that were declared."""
        declared = self.tables.preregistration.get("rules")
        return bool(self.registered) and declared != rules(self.models)

    @property
    def architecture(self) -> dict[str, Any]:
        return self.tables.architecture

    @property
    def pretraining(self) -> dict[str, Any]:
        return self.tables.pretraining

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Networks of the study in the order of `NETWORKS`."""
        named = set(self.results["model"]) if len(self.results) else set()
        named |= set(self.plan.get("decisions", {}))
        return tuple(model for model in NETWORKS if model in named)

    @cached_property
    def finished(self) -> tuple[ArmSummary, ...]:
        return tuple(arm for arm in self.arms if arm.n)

    def finished_of(self, model: str) -> list[ArmSummary]:
        return [arm for arm in self.finished if arm.model == model]

    @property
    def seeds(self) -> int:
        """The largest number of finished seeds of an arm."""
        return max((arm.n for arm in self.arms), default=0)

    @property
    def min_seeds(self) -> int:
        """The smallest number of finished seeds of a finished arm."""
        return min((arm.n for arm in self.finished), default=0)

    @cached_property
    def resolution(self) -> int | None:
        """The most frequent resolution of the matrix in pixels; None without runs."""
        matrix = self.results[self.results["role"] != CHAMPION]
        values = pd.to_numeric(matrix["resolution"], errors="coerce").dropna()
        return int(values.mode().iloc[0]) if len(values) else None

    @cached_property
    def sources(self) -> dict[str, str | None]:
        """Source of each network's pre-trained weights; None if there are none."""
        found: dict[str, str | None] = dict.fromkeys(self.models)
        weights = self.environment.get("weights") or {}
        for model in found:
            used = [a.init_source for a in self.arms if a.model == model and a.init == "pretrained"]
            named = [source for source in used if source not in ("", "none")]
            found[model] = named[0] if named else (weights.get(model) or {}).get("source")
        return found

    def rung(self, model: str) -> int | None:
        """Returns the rung at which the arms of a network are compared."""
        return next((arm.rung for arm in self.finished_of(model)), None)

    def seeds_of(self, model: str) -> int:
        """Returns the largest number of seeds of a network's arms at its rung."""
        return max((arm.n for arm in self.finished_of(model)), default=0)

    def judged(self, model: str) -> Judged | None:
        """Returns the numbers of images that the accuracies of a network's arms were measured on."""
        table = self.rungs
        at = table[(table["model"] == model) & (table["rung"] == self.rung(model))]
        at = at[at["validation_images"].notna() & at["test_images"].notna()]
        if not len(at):
            return None
        return Judged(validation=int(at["validation_images"].iloc[0]), test=int(at["test_images"].iloc[0]))

    def arm(self, name: str) -> ArmSummary | None:
        return next((arm for arm in self.arms if arm.name == name), None)

    def best(self, model: str, init: str | None = None) -> ArmSummary | None:
        """Returns the arm with the best validation accuracy; test accuracy is never used to choose."""
        chosen = [arm for arm in self.finished if arm.model == model and init in (None, arm.init)]
        return max(chosen, key=lambda arm: arm.means["val"] or 0.0, default=None)

    def contrast(self, name: str, model: str) -> Row | None:
        """Returns a row of contrasts.csv, or None if it is absent or has no effect."""
        table = self.contrasts
        rows = table[(table["name"] == name) & (table["model"] == model) & table["effect_pp"].notna()]
        return next(iter(records(rows)), None)

    def points(self, finding: str) -> list[dict[str, float]]:
        """Returns the points that the finding with this id measured, or none."""
        found = self.analysis.by_id().get(finding)
        points: list[dict[str, float]] | None = found.numbers["points"] if found else None
        return points or []

    def confusion(self, arm: ArmSummary) -> npt.NDArray[np.float64] | None:
        """Returns the confusion matrix of an arm over its seeds, see `confusion_shares`."""
        return confusion_shares(
            arm.keys, self.tables.predictions, self.tables.labels, len(self.dataset.classes)
        )


def _champion(row: Row) -> Champion | None:
    arm = arm_of(row)
    if arm is None:
        return None
    cells = {name: None if value != value else value for name, value in row.items()}
    alone = pd.DataFrame([row])
    seed = int(row["seed"])
    return Champion(arm=_arm_summary(arm, {arm: {seed: row}}, alone), name=key(row), cells=cells)


def _arm_summary(arm: Arm, runs: Runs, results: pd.DataFrame) -> ArmSummary:
    rows = [row for _, row in sorted(runs.get(arm, {}).items())]
    total = accuracy_summary(rows)
    known = results[
        (results["model"] == arm.model)
        & (results["init"] == arm.init.value)
        & (results["scope"] == arm.scope.value)
        & (results["lr_policy"] == arm.lr_policy.value)
        & (results["role"] != CHAMPION)
    ]
    unfinished = known[known["state"] != "finished"]
    sources = [str(row["init_source"]) for row in rows] or [str(s) for s in known["init_source"]]
    return ArmSummary(
        name=arm.name,
        model=arm.model,
        init=arm.init.value,
        scope=arm.scope.value,
        lr_policy=arm.lr_policy.value,
        init_source=sources[0] if sources and arm.init is Init.PRETRAINED else "none",
        run_ids=tuple(str(row["run_id"]) for row in rows),
        keys=tuple(key(row) for row in rows),
        rung=int(rows[0]["rung"]) if rows else None,
        seeds=tuple(int(row["seed"]) for row in rows),
        values=tuple(number(row["test_accuracy"]) for row in rows),
        mean=_known(total.mean),
        sd=_known(total.sd),
        low=_known(total.low),
        high=_known(total.high),
        reason=str(unfinished["reason"].iloc[0]) if len(unfinished) and not rows else "",
        means={
            name: _known(summary(number(row.get(column)) for row in rows).mean)
            for name, column in _MEANS.items()
        },
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
