"""Values that sentences of chapters 1–4 speak about, derived from stored tables and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from study.report.data.report_data import ArmSummary, ReportData
from study.report.figures.images import chosen_object_runs, confusion_shares, shown
from study.report.locale.number_format import as_float


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Share of objects of class `true` that were taken for `predicted`."""

    true: int
    predicted: int
    share: float


@dataclass(frozen=True, kw_only=True)
class ObjectAnswer:
    """What one network says of the chosen object: classes in order of falling probability."""

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

    key: as in `words.arm_short`; right: drawn objects with the right answer; inside: mean share of
    a map on the object's pixels, None if every map is empty; empty: maps without a positive value.
    """

    key: str
    right: int
    inside: float | None
    empty: int


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What the Grad-CAM figure of a model shows; area: the share that an even map has inside."""

    index: tuple[int, ...]
    layer: str
    map_size: tuple[int, int]
    sampled: int
    area: float
    networks: tuple[ExplainedNetwork, ...]


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How features separate classes before training, each as (pretrained, random)."""

    images: int
    neighbour: tuple[float, float]
    between: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Losses of the champion at its last point, and the least one on validation images."""

    train_loss: float
    val_loss: float
    least_loss: float
    least_at: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What tuning tried for an arm: the ends of its rates and factors, and the best trial's.

    at_edge: the best rate is the lowest or the highest that was tried.
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
    """What a larger budget would bring in: kind is a key of `words.left_out`, value what stands in it.

    seconds: of the whole budget that it needs, None where nobody knows.
    """

    kind: str
    value: str
    seconds: float | None


class Reading:
    """Derived values by name, for templates (`reading.confusions("vgg11")`)."""

    def __init__(self, data: ReportData) -> None:
        self._data = data

    def events(self, kind: str, model: str | None = None) -> list[dict[str, Any]]:
        """Events of environment.json of one kind."""
        found = self._data.environment.get("events") or []
        return [e for e in found if e.get("kind") == kind and model in (None, e.get("model"))]

    @property
    def shown(self) -> list[ArmSummary]:
        """The networks whose errors are shown: the champion, else the best arm of every network."""
        return shown(self._data)

    @property
    def shows_champion(self) -> bool:
        longest = self._data.champion
        return longest is not None and [longest.arm] == self.shown

    def confusions(self, arm: ArmSummary, count: int = 3) -> list[Confusion]:
        """The most frequent confusions of an arm, all its seeds together."""
        shares = confusion_shares(self._data, arm)
        if shares is None:
            return []
        off = shares / 100
        np.fill_diagonal(off, 0.0)
        places = np.argsort(-off, axis=None, kind="stable")[:count]
        pairs = [divmod(int(place), off.shape[1]) for place in places]
        return [Confusion(true=t, predicted=p, share=float(off[t, p])) for t, p in pairs if off[t, p]]

    def recalls(self, arm: ArmSummary) -> list[float]:
        """Share of right answers of an arm for every class."""
        shares = confusion_shares(self._data, arm)
        return [] if shares is None else [float(value) / 100 for value in np.diag(shares)]

    def tried(self) -> list[Tried]:
        """Of every arm that was tuned, what was tried; the best is that of the validation accuracy."""
        found = []
        for arm in self._data.arms:
            trials = self._trials(arm)
            judged = trials[trials["val_accuracy"].notna() & trials["lr"].notna()]
            if not len(judged):
                continue
            best = judged.loc[judged["val_accuracy"].idxmax()]
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
        """The lengths of the trials."""
        return sorted({int(rung) for rung in self._data.trials["rung"].dropna()})

    def left_out(self) -> list[LeftOut]:
        """What plan.json says that a larger budget would bring in."""
        found = []
        for item in self._data.plan.get("left_out") or []:
            first, _, second = str(item["what"]).partition(" ")
            kind, value = (second, first) if first.isdigit() else (first, second)
            found.append(LeftOut(kind=kind, value=value, seconds=item.get("needs_seconds")))
        return found

    def baselines(self) -> list[dict[str, Any]]:
        """Rows of baselines.csv."""
        rows: list[dict[str, Any]] = self._data.tables.baselines.to_dict("records")  # type: ignore[assignment]
        return rows

    @property
    def champion_end(self) -> Ending | None:
        """How the training of the champion ended, as far as the figure `champion` shows it."""
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
        """Answers of the networks drawn in the figure `object`."""
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
        """The arm of the highest validation accuracy over all networks."""
        best = [arm for model in self._data.models if (arm := self._data.best(model)) is not None]
        return max(best, key=lambda arm: arm.means["val"] or 0.0, default=None)

    @property
    def top(self) -> ArmSummary | None:
        """The arm of the highest mean test accuracy (described, never used to choose)."""
        return max(self._data.finished, key=lambda arm: arm.mean or 0.0, default=None)

    @property
    def bottom(self) -> ArmSummary | None:
        return min(self._data.finished, key=lambda arm: arm.mean or 0.0, default=None)

    def missing(self) -> list[ArmSummary]:
        """Arms without a finished run."""
        return [arm for arm in self._data.arms if not arm.n]

    def widest_gap(self) -> ArmSummary | None:
        """The finished arm with the largest difference of training and test accuracy."""
        known = [arm for arm in self._data.finished if arm.means["train"] is not None]
        return max(known, key=lambda arm: gap(arm) or 0.0, default=None)

    def trial_count(self, arm: ArmSummary) -> int:
        return len(self._trials(arm))

    @property
    def equal_trials(self) -> bool:
        """Whether the arms of each network that were tuned had equally many trials."""
        counts = {(arm.model, count) for arm in self._data.arms if (count := self.trial_count(arm))}
        return len(counts) == len({model for model, _ in counts})

    def arm_key(self, row: dict[str, Any]) -> str:
        """`pretrained-full-uniform` of a table row: key of `words.arm_short`."""
        parts = [row["init"], row["scope"]] + [row["lr_policy"]] * (row["lr_policy"] != "none")
        return "-".join(str(part) for part in parts)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows of `results` or `trials` in order of arm, then seed or trial."""
        frame = self._data.results if table == "results" else self._data.trials
        place = {arm.name: number for number, arm in enumerate(self._data.arms)}
        rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
        named = [(place.get(f"{r['model']}-{self.arm_key(r)}", len(place)), r) for r in rows]
        named.sort(key=lambda pair: pair[0])
        return [row for _, row in named]

    def _trials(self, arm: ArmSummary) -> Any:
        trials = self._data.trials
        return trials[
            (trials["model"] == arm.model)
            & (trials["init"] == arm.init)
            & (trials["scope"] == arm.scope)
            & (trials["lr_policy"] == arm.lr_policy)
        ]


def gap(arm: ArmSummary) -> float | None:
    """Training minus test accuracy."""
    train = arm.means["train"]
    return None if train is None or arm.mean is None else train - arm.mean
