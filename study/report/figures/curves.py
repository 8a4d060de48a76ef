"""Figures with a course in time: learning curves, pretext, calibration, plan against actual."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from scipy import stats

from study.report.context import ArmSummary, ReportData
from study.report.figures.style import (
    GREY,
    INK,
    SECOND_INK,
    Drawing,
    arm_handle,
    arm_look,
    canvas,
    svg,
    ticks,
)
from study.report.numbers import Numbers
from study.report.words import Words

BINS = 10


def learning(data: ReportData, model: str, words: Words, numbers: Numbers) -> Drawing | None:
    """Validation accuracy by samples seen and by seconds; a band of ±95 % from two seeds on."""
    arms = [arm for arm in data.finished if arm.model == model]
    courses = [(arm, _course(data, arm)) for arm in arms]
    drawn = [(arm, course) for arm, course in courses if course is not None]
    if not drawn:
        return None
    figure, axes = canvas(3.45, 2, sharey=True)
    for arm, (samples, seconds, accuracy) in drawn:
        mean = 100 * accuracy.mean(axis=0)
        for panel, x in ((axes[0], samples.mean(axis=0) / 1000), (axes[1], seconds.mean(axis=0))):
            panel.plot(x, mean, **arm_look(arm.key))
            if len(accuracy) > 1:
                half = stats.t.ppf(0.975, len(accuracy) - 1) * stats.sem(100 * accuracy, axis=0)
                panel.fill_between(x, mean - half, mean + half, color=arm_look(arm.key)["color"],
                                   alpha=0.12, lw=0)  # fmt: skip
    _set_limits(axes, [100 * course[2].mean(axis=0) for _, course in drawn])
    axes[0].set_xlabel(words.axis["samples"])
    axes[1].set_xlabel(words.axis["seconds"])
    axes[1].set_xscale("log")
    axes[0].set_ylabel(words.axis["val_accuracy"])
    for panel in axes:
        panel.xaxis.set_major_formatter(ticks(numbers.comma))
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    axes[1].xaxis.set_minor_formatter("")
    figure.legend(handles=[arm_handle(arm.key, words) for arm, _ in drawn],
                  loc="outside lower center", ncols=2, frameon=False)  # fmt: skip
    return svg(figure)


def _set_limits(axes: list[Axes], means: list[np.ndarray]) -> None:
    low, high = min(m.min() for m in means), max(m.max() for m in means)
    axes[0].set_ylim(low - 0.05 * (high - low) - 0.3, high + 0.05 * (high - low) + 0.3)


def _course(data: ReportData, arm: ArmSummary) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """[seeds, points] samples, seconds and accuracy of the seeds that share the usual points."""
    history = data.history
    runs = [history[history["run_id"] == run].sort_values("samples_seen") for run in arm.run_ids]
    runs = [run for run in runs if len(run)]
    if not runs:
        return None
    usual = max({len(run) for run in runs}, key=lambda size: sum(len(run) == size for run in runs))
    same = [run for run in runs if len(run) == usual]

    def stack(column: str) -> np.ndarray:
        return np.stack([run[column].to_numpy(float) for run in same])

    return stack("samples_seen"), stack("seconds"), stack("val_accuracy")


def pretext(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Held-in accuracy and loss of the formula-driven pretext task."""
    curves = {
        model: found["curve"]
        for model, found in data.pretraining.items()
        if found.get("source") == "fractal" and len(found.get("curve") or []) > 1
    }
    if not curves:
        return None
    figure, axes = canvas(2.7, 2)
    looks = {"vgg11": ("o-", INK, INK), "googlenet": ("s--", SECOND_INK, "white")}
    for model, curve in curves.items():
        form, colour, fill = looks[model]
        x = [point["samples"] / 1000 for point in curve]
        for panel, key, factor in ((axes[0], "accuracy", 100), (axes[1], "loss", 1)):
            panel.plot(x, [factor * point[key] for point in curve], form, color=colour, mfc=fill,
                       ms=4, label=words.model[model])  # fmt: skip
    axes[0].set_ylabel(words.axis["pretext_accuracy"])
    axes[1].set_ylabel(words.axis["loss"])
    for panel in axes:
        panel.set_xlabel(words.axis["samples"])
        panel.set_ylim(bottom=0)
        panel.xaxis.set_major_formatter(ticks(numbers.comma))
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    axes[0].legend(frameon=False)
    return svg(figure)


def calibration(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Reliability diagrams of the arms chosen on validation, all seeds together."""
    labels = data.tables.labels
    chosen = {
        model: [
            arm
            for init in ("pretrained", "scratch")
            if (arm := data.best(model, init)) is not None
            and any(run in data.probabilities for run in arm.run_ids)
        ]
        for model in data.models
    }
    models = [model for model, arms in chosen.items() if arms]
    if not models or labels is None:
        return None
    figure, axes = canvas(3.35, len(models), sharey=True, width=min(6.5, 3.6 * len(models)))
    used: dict[str, None] = {}
    for panel, model in zip(axes, models, strict=True):
        panel.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":")
        for arm in chosen[model]:
            shares = [data.probabilities[run] for run in arm.run_ids if run in data.probabilities]
            confidence, rate = reliability(np.concatenate(shares), np.tile(labels, len(shares)))
            panel.plot(confidence, rate, **arm_look(arm.key))
            used[arm.key] = None
        panel.set_aspect("equal")
        panel.set_xlim(0, 1.02)
        panel.set_ylim(0, 1.02)
        panel.set_title(words.model[model])
        panel.set_xlabel(words.axis["confidence"])
        panel.xaxis.set_major_formatter(ticks(numbers.comma))
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    axes[0].set_ylabel(words.axis["hit_rate"])
    ideal = Line2D([], [], color=GREY, lw=1, ls=":", label=words.figure["ideal"])
    figure.legend(handles=[*(arm_handle(key, words) for key in used), ideal],
                  loc="outside lower center", ncols=min(2, len(models)), frameon=False)  # fmt: skip
    return svg(figure)


def reliability(shares: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence and share of right answers in equal bins of confidence.

    Args:
        shares: float [N, C] probabilities.
        labels: int [N].

    Returns:
        Two float arrays over bins holding at least ten answers (Guo et al. 2017, section 2).
    """
    confidence = shares.max(axis=1).astype(float)
    hit = shares.argmax(axis=1) == labels
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    full = count >= 10
    mean = np.bincount(place, confidence, BINS)[full] / count[full]
    return mean, np.bincount(place, hit.astype(float), BINS)[full] / count[full]


def plan(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Predicted and actual minutes of every phase."""
    phases = [
        row for row in data.plan.get("phases", [])
        if (row.get("predicted_seconds") or 0) + (row.get("actual_seconds") or 0) > 0
    ]  # fmt: skip
    if not any(row.get("actual_seconds") for row in phases):
        return None
    figure, (axes,) = canvas(0.65 + 0.29 * len(phases))
    kinds = (("predicted", "#d9e2ec", "///", -0.2), ("actual", INK, "", 0.2))
    for kind, colour, hatch, shift in kinds:
        values = [(row.get(f"{kind}_seconds") or 0) / 60 for row in phases]
        places = [row + shift for row in range(len(phases))]
        axes.barh(places, values, height=0.38, color=colour, hatch=hatch, edgecolor="black",
                  lw=0.8, label=words.figure[kind])  # fmt: skip
    axes.set_yticks(
        range(len(phases)), [words.phase.get(row["phase"], row["phase"]) for row in phases]
    )
    axes.set_ylim(len(phases) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(8))
    axes.xaxis.set_major_formatter(ticks(numbers.comma))
    axes.set_xlabel(words.axis["minutes"])
    axes.legend(frameon=False)
    return svg(figure)
