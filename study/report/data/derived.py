"""Derives the values that sentences of chapters 1–4 name from stored tables and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.arms import Row, records
from study.report.data.report_data import ArmSummary, ReportData
from study.report.figures.images import MOST_EXAMPLES, chosen_object_runs, shown
from study.report.locale.number_format import as_float


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """A frequent confusion of two classes.

    Attributes:
        true: the true class.
        predicted: the class it was taken for.
        share: share of the true class's objects in [0, 1].
    """

    true: int
    predicted: int
    share: float


@dataclass(frozen=True, kw_only=True)
class ObjectAnswer:
    """One network's answer for the chosen object.

    Attributes:
        arm: the network's arm.
        champion: whether the network is the champion.
        classes: the most probable classes, in descending order.
        probabilities: their probabilities.
        label: the true class.
    """

    arm: ArmSummary
    champion: bool
    classes: tuple[int, ...]
    probabilities: tuple[float, ...]
    label: int

    @property
    def right(self) -> bool:
        return self.classes[0] == self.label


@dataclass(frozen=True, kw_only=True)
class ExplainedNetwork:
    """One row of the Grad-CAM figure.

    Attributes:
        key: key of the arm in `words.arm_short`.
        right: number of drawn objects that are classified correctly.
        inside: mean share of a map on the object's pixels; None if every map is empty.
        empty: number of maps without a positive value, which `inside` leaves out.
    """

    key: str
    right: int
    inside: float | None
    empty: int


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the Grad-CAM figure of a network shows.

    Attributes:
        index: indices of the drawn test objects.
        layer: name of the layer whose maps are drawn.
        map_size: height and width of a map.
        sampled: number of objects over which the shares are means.
        area: the share that a constant map has on the object's pixels.
        networks: the rows of the figure.
    """

    index: tuple[int, ...]
    layer: str
    map_size: tuple[int, int]
    sampled: int
    area: float
    networks: tuple[ExplainedNetwork, ...]


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How well features separate the classes before training, each as (pretrained, random).

    Attributes:
        images: number of test images.
        neighbour: share of images whose nearest neighbour has the same class.
        between: share of the variance that lies between the classes.
    """

    images: int
    neighbour: tuple[float, float]
    between: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The champion's losses at its last point, and its least one on validation images.

    Attributes:
        train_loss: loss on training images at the end.
        val_loss: last loss on validation images.
        least_loss: least loss on validation images.
        least_at: samples seen at the least loss.
    """

    train_loss: float
    val_loss: float
    least_loss: float
    least_at: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What tuning tried for an arm.

    Attributes:
        arm: the arm.
        trials: number of trials, failed ones included.
        lowest: lowest learning rate that was tried.
        highest: highest learning rate that was tried.
        best: learning rate of the trial with the best validation accuracy.
        at_edge: whether that rate is the lowest or the highest.
        decays: least and greatest factor between the rates of neighbouring stages; None without any.
        best_decay: that factor of the best trial.
    """

    arm: ArmSummary
    trials: int
    lowest: float
    highest: float
    best: float
    at_edge: bool
    decays: tuple[float, float] | None
    best_decay: float | None


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Something that a larger budget would add.

    Attributes:
        kind: key of `words.left_out`.
        value: text that the sentence of that kind contains.
        seconds: the budget that would add it; None if unknown.
    """

    kind: str
    value: str
    seconds: float | None


class Reading:
    """Offers derived values to templates by name, for example `reading.confusions(arm)`."""

    def __init__(self, data: ReportData) -> None:
        self._data = data

    def events(self, kind: str, model: str | None = None) -> list[dict[str, Any]]:
        """Returns the events of one kind from environment.json, of one network if `model` is given."""
        found = self._data.environment.get("events") or []
        return [e for e in found if e.get("kind") == kind and model in (None, e.get("model"))]

    @property
    def shown(self) -> list[ArmSummary]:
        """The networks whose errors are shown: the champion, or else the best arm of every network."""
        return shown(self._data)

    @property
    def shows_champion(self) -> bool:
        """Whether the champion is the network whose errors are shown."""
        longest = self._data.champion
        return longest is not None and [longest.arm] == self.shown

    def confusions(self, arm: ArmSummary, count: int = 3) -> list[Confusion]:
        """Returns the most frequent confusions of an arm over all its seeds."""
        shares = self._data.confusion(arm)
        if shares is None:
            return []
        off = shares / 100
        np.fill_diagonal(off, 0.0)
        places = np.argsort(-off, axis=None, kind="stable")[:count]
        pairs = [divmod(int(place), off.shape[1]) for place in places]
        return [Confusion(true=t, predicted=p, share=float(off[t, p])) for t, p in pairs if off[t, p]]

    def recalls(self, arm: ArmSummary) -> list[float]:
        """Returns the share of correct answers of an arm for every class."""
        shares = self._data.confusion(arm)
        return [] if shares is None else [float(value) / 100 for value in np.diag(shares)]

    def tried(self) -> list[Tried]:
        """Returns what was tried for every arm that was tuned."""
        found = []
        for arm in self._data.arms:
            trials = self._trials(arm)
            judged = trials[trials["val_accuracy"].notna() & trials["lr"].notna()]
            if not len(judged):
                continue
            best = judged.iloc[judged["val_accuracy"].argmax()]
            low, high = float(judged["lr"].min()), float(judged["lr"].max())
            decays = judged["lr_decay"].dropna()
            found.append(
                Tried(
                    arm=arm,
                    trials=len(trials),
                    lowest=low,
                    highest=high,
                    best=float(best["lr"]),
                    at_edge=len(judged) > 1 and float(best["lr"]) in (low, high),
                    decays=(float(decays.min()), float(decays.max())) if len(decays) else None,
                    best_decay=as_float(best["lr_decay"]),
                )
            )
        return found

    def trial_rungs(self) -> list[int]:
        """Returns the lengths of the trials in samples, ascending."""
        return sorted({int(rung) for rung in self._data.trials["rung"].dropna()})

    def left_out(self) -> list[LeftOut]:
        """Returns what a larger budget would add, according to plan.json."""
        found = []
        for item in self._data.plan.get("left_out") or []:
            first, _, second = str(item["what"]).partition(" ")
            kind, value = (second, first) if first.isdigit() else (first, second)
            found.append(LeftOut(kind=kind, value=value, seconds=item.get("needs_seconds")))
        return found

    @property
    def example_classes(self) -> int:
        """The number of classes in the figure `examples`."""
        return min(len(self._data.dataset.classes), MOST_EXAMPLES)

    def baselines(self) -> list[Row]:
        """Returns the rows of baselines.csv."""
        return records(self._data.tables.baselines)

    @property
    def champion_end(self) -> Ending | None:
        """How the champion's training ended, as in the figure `champion`; None without losses."""
        longest = self._data.champion
        if longest is None:
            return None
        history = self._data.history
        own = history[history["run_id"] == longest.run_id].sort_values("samples_seen")
        looked = own[own["val_loss"].notna()]
        if not len(looked):
            return None
        least = looked.loc[looked["val_loss"].idxmin()]
        return Ending(
            train_loss=float(own["train_loss"].iloc[-1]),
            val_loss=float(looked["val_loss"].iloc[-1]),
            least_loss=float(least["val_loss"]),
            least_at=int(least["samples_seen"]),
        )

    def object_answers(self, count: int = 3) -> list[ObjectAnswer]:
        """Returns the answers of the networks that the figure `object` shows."""
        stored = self._data.artifacts.get("object")
        answers = []
        for place, arm in chosen_object_runs(self._data):
            shares = np.asarray(stored["probabilities"][place], dtype=float)
            order = np.argsort(-shares, kind="stable")[:count]
            answers.append(
                ObjectAnswer(
                    arm=arm,
                    champion=self._data.champion is not None and arm is self._data.champion.arm,
                    classes=tuple(int(c) for c in order),
                    probabilities=tuple(float(shares[c]) for c in order),
                    label=int(stored["label"]),
                )
            )
        return answers

    def explanation(self, model: str) -> Explanation | None:
        """Returns what the Grad-CAM figure of a network shows, or None without maps."""
        stored = self._data.artifacts.get(f"gradcam-{model}")
        if "maps" not in stored:
            return None
        right = stored["probabilities"].argmax(-1) == stored["labels"]
        return Explanation(
            index=tuple(int(i) for i in stored["index"]),
            layer=str(stored["layer"]),
            map_size=(int(stored["map_size"][0]), int(stored["map_size"][1])),
            sampled=int(stored["sampled"]),
            area=float(stored["area"]),
            networks=tuple(
                ExplainedNetwork(
                    key=str(arm).removeprefix(f"{model}-"),
                    right=int(hits.sum()),
                    inside=None if np.isnan(inside) else float(inside),
                    empty=int(empty),
                )
                for arm, hits, inside, empty in zip(
                    stored["arms"], right, stored["inside"], stored["empty"], strict=True
                )
            ),
        )

    def separation(self, model: str) -> Separation | None:
        """Returns how features separate the classes before training, or None if not stored."""
        stored = self._data.artifacts.get(f"featuremap-{model}")
        if "labels" not in stored:
            return None
        neighbour, between = (
            (float(stored[f"pretrained.{name}"]), float(stored[f"scratch.{name}"]))
            for name in ("neighbour", "between")
        )
        return Separation(images=len(stored["labels"]), neighbour=neighbour, between=between)

    @property
    def overall_best(self) -> ArmSummary | None:
        """The arm with the highest validation accuracy over all networks."""
        best = [arm for model in self._data.models if (arm := self._data.best(model)) is not None]
        return max(best, key=lambda arm: arm.means["val"] or 0.0, default=None)

    @property
    def top(self) -> ArmSummary | None:
        """The arm with the highest mean test accuracy, which is described but never used to choose."""
        return max(self._data.finished, key=lambda arm: arm.mean or 0.0, default=None)

    @property
    def bottom(self) -> ArmSummary | None:
        """The arm with the lowest mean test accuracy."""
        return min(self._data.finished, key=lambda arm: arm.mean or 0.0, default=None)

    def missing(self) -> list[ArmSummary]:
        """Returns the arms without a finished run."""
        return [arm for arm in self._data.arms if not arm.n]

    def widest_gap(self) -> ArmSummary | None:
        """Returns the finished arm with the largest training minus test accuracy."""
        known = [arm for arm in self._data.finished if arm.means["train"] is not None]
        return max(known, key=lambda arm: gap(arm) or 0.0, default=None)

    def trial_count(self, arm: ArmSummary) -> int:
        return len(self._trials(arm))

    @property
    def equal_trials(self) -> bool:
        """Whether the tuned arms of each network had equally many trials."""
        counts = {(arm.model, count) for arm in self._data.arms if (count := self.trial_count(arm))}
        return len(counts) == len({model for model, _ in counts})

    def arm_key(self, row: Row) -> str:
        """Returns the key of a row's arm in `words.arm_short`, as `pretrained-full-uniform`."""
        parts = [row["init"], row["scope"]] + [row["lr_policy"]] * (row["lr_policy"] != "none")
        return "-".join(str(part) for part in parts)

    def rows(self, table: str) -> list[Row]:
        """Returns the rows of `results` or `trials`, sorted by arm; the rows of an arm keep their order."""
        frame = self._data.results if table == "results" else self._data.trials
        place = {arm.name: number for number, arm in enumerate(self._data.arms)}
        named = [(place.get(f"{r['model']}-{self.arm_key(r)}", len(place)), r) for r in records(frame)]
        named.sort(key=lambda pair: pair[0])
        return [row for _, row in named]

    def _trials(self, arm: ArmSummary) -> pd.DataFrame:
        trials = self._data.trials
        return trials[
            (trials["model"] == arm.model)
            & (trials["init"] == arm.init)
            & (trials["scope"] == arm.scope)
            & (trials["lr_policy"] == arm.lr_policy)
        ]


def gap(arm: ArmSummary) -> float | None:
    """Returns training minus test accuracy, or None if one of them is unknown."""
    train = arm.means["train"]
    return None if train is None or arm.mean is None else train - arm.mean
