"""Figures with a course: learning curves, the pretext task, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
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
    few_ticks,
    log_ticks,
    svg,
    ticks,
    vertical_label,
)
from study.report.numbers import Numbers
from study.report.words import Words

BINS = 10


def learning(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Validation accuracy by samples seen and by seconds, a row for each network.

    A band of ±95 % surrounds the mean from two seeds on.
    """
    courses = {
        model: [
            (arm.key, course)
            for arm in data.finished_of(model)
            if (course := _course(data, arm)) is not None
        ]
        for model in data.models
    }
    drawn = {model: found for model, found in courses.items() if found}
    if not drawn:
        return None
    used = {key: None for found in drawn.values() for key, _ in found}
    figure, axes = canvas(0.3 + 1.6 * len(drawn) + 0.18 * -(-len(used) // 2), 2, len(drawn),
                          sharey="row")  # fmt: skip
    for place, (model, found) in enumerate(drawn.items()):
        left, right = axes[2 * place : 2 * place + 2]
        for key, (samples, seconds, accuracy) in found:
            for panel, x in ((left, samples.mean(axis=0) / 1000), (right, seconds.mean(axis=0))):
                _curve(panel, x, 100 * accuracy, arm_look(key))
        _set_limits(left, [_band(100 * course[2]) for _, course in found])
        left.set_title(words.model[model])
        right.set_title(words.model[model])
        log_ticks(right, numbers.comma)
        left.xaxis.set_major_formatter(ticks(numbers.comma))
        few_ticks(left, numbers.comma)
        vertical_label(left, words.axis["val_accuracy"])
    figure.align_ylabels(axes[::2])
    axes[-2].set_xlabel(words.axis["samples"])
    axes[-1].set_xlabel(words.axis["seconds"])
    figure.legend(handles=[arm_handle(key, words) for key in used],
                  loc="outside lower center", ncols=2, frameon=False)  # fmt: skip
    return svg(figure)


def _curve(panel: Axes, x: np.ndarray, accuracy: np.ndarray, look: dict[str, Any]) -> None:
    """Mean of [seeds, points] per cent over x, with its band."""
    panel.plot(x, accuracy.mean(axis=0), **look)
    if len(accuracy) > 1:
        panel.fill_between(x, *_band(accuracy), color=look["color"], alpha=0.12, lw=0)


def _band(accuracy: np.ndarray) -> np.ndarray:
    """Ends [2, points] of the 95 % interval of [seeds, points] within 0–100 %; of one seed, itself."""
    mean, half = accuracy.mean(axis=0), np.zeros(accuracy.shape[1])
    if len(accuracy) > 1:
        half = stats.t.ppf(0.975, len(accuracy) - 1) * stats.sem(accuracy, axis=0)
    band: np.ndarray = np.clip([mean - half, mean + half], 0, 100)
    return band


def _set_limits(panel: Axes, bands: list[np.ndarray]) -> None:
    """Vertical limits that hold every band with its curve, within 0–100 %."""
    low, high = min(band.min() for band in bands), max(band.max() for band in bands)
    room = 0.05 * (high - low) + 0.3
    panel.set_ylim(max(low - room, 0), min(high + room, 100))


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
    """Held-out accuracy and training loss of the formula-driven pretext task."""
    curves = {
        model: found["curve"]
        for model, found in data.pretraining.items()
        if found.get("source") == "fractal" and len(found.get("curve") or []) > 1
    }
    if not curves:
        return None
    figure, axes = canvas(2.1, 2)
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
    figure, axes = canvas(2.65, len(models), sharey=True, width=min(6.5, 3.6 * len(models)))
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
