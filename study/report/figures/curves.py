"""Draws curves: accuracy by length of training, the champion, the pretext task, calibration."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from study.analysis.arms import accuracy_summary, finished, number
from study.report.data.report_data import ArmSummary, ReportData
from study.report.figures.plotted import ARM, Plotted, of_arm
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
    network_look,
    svg,
    ticks,
    vertical_label,
)
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Course:
    """An arm at each of its K rungs.

    Attributes:
        images: float64 [K], samples of the rung.
        seconds: float64 [K], mean seconds of training.
        mean: float64 [K], mean test accuracy in per cent.
        low: float64 [K], lower end of its 95 % interval, see `accuracy_summary`; NaN for one seed.
        high: float64 [K], upper end.
    """

    images: np.ndarray
    seconds: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def lengths(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws test accuracy against images and against seconds of training; each network is a row.

    The points are rungs: trainings of exactly that length, each cooled down to its end.
    """
    courses = {
        model: [
            (arm.key, points)
            for arm in data.finished_of(model)
            if (points := course(data, arm)) is not None
        ]
        for model in data.models
    }
    drawn = {model: found for model, found in courses.items() if found}
    if not drawn:
        return None
    used = {key: None for found in drawn.values() for key, _ in found}
    figure, axes = canvas(0.3 + 1.9 * len(drawn) + 0.18 * -(-len(used) // 2), 2, len(drawn), sharey="row")
    plotted = Plotted(*ARM, "images", "seconds", "test_accuracy_pct", "ci_low_pct", "ci_high_pct")
    for place, (model, found) in enumerate(drawn.items()):
        left, right = axes[2 * place : 2 * place + 2]
        for key, points in found:
            series = (points.images, points.seconds, points.mean, points.low, points.high)
            plotted.add_all(of_arm(model, key), *series)
            for panel, x in ((left, points.images / 1000), (right, points.seconds)):
                _curve(panel, x, points, arm_look(key))
        _set_limits(left, [points for _, points in found])
        left.set_title(words.model[model])
        right.set_title(words.model[model])
        log_ticks(left, numbers.comma)
        log_ticks(right, numbers.comma)
        few_ticks(left, numbers.comma)
        vertical_label(left, words.axis["test_accuracy"])
    figure.align_ylabels(axes[::2])
    axes[-2].set_xlabel(words.axis["length"])
    axes[-1].set_xlabel(words.axis["seconds"])
    figure.legend(
        handles=[arm_handle(key, words) for key in used], loc="outside lower center", ncols=2, frameon=False
    )
    return svg(figure, plotted)


#: Lines of the networks in the figure `gain`, in turn.
_NETWORKS: tuple[dict[str, Any], ...] = (
    {"color": INK, "linestyle": "-", "marker": "o"},
    {"color": SECOND_INK, "linestyle": "--", "marker": "s"},
    {"color": GREY, "linestyle": ":", "marker": "^"},
)


def gain(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws pretrained minus scratch against the length of training, with a band, for each network."""
    found = {
        model: points for model in data.models if len(points := data.points(f"q2.by_length.{model}")) > 1
    }
    if not found:
        return None
    figure, (panel,) = canvas(2.1)
    plotted = Plotted("network", "images", "effect_pp", "ci_low_pp", "ci_high_pp")
    for look, (model, points) in zip(itertools.cycle(_NETWORKS), found.items(), strict=False):
        images, mean, low, high = (
            np.array([point[name] for point in points])
            for name in ("rung", "effect_pp", "low_pp", "high_pp")
        )
        plotted.add_all((model,), images, mean, low, high)
        x = images / 1_000
        panel.plot(x, mean, label=words.model[model], **look)
        if np.isfinite(low).any():
            panel.fill_between(x, low, high, color=look["color"], alpha=0.12, lw=0)
    panel.axhline(0, color="black", lw=0.8)
    log_ticks(panel, numbers.comma)
    panel.yaxis.set_major_locator(MaxNLocator(5))
    panel.yaxis.set_major_formatter(ticks(numbers.comma))
    panel.set_xlabel(words.axis["length"])
    vertical_label(panel, words.axis["effect"])
    panel.legend(frameon=False)
    return svg(figure, plotted)


def course(data: ReportData, arm: ArmSummary) -> Course | None:
    """Returns the rungs of an arm whose seconds are known, each over the seeds that it has."""
    rows = [row for found, row in finished(data.rungs) if found.name == arm.name]
    known = [row for row in rows if number(row["seconds"]) > 0]
    if not known:
        return None
    rungs = sorted({int(row["rung"]) for row in known})
    at = [[row for row in known if int(row["rung"]) == rung] for rung in rungs]
    totals = [accuracy_summary(rows) for rows in at]
    return Course(
        images=np.array(rungs, dtype=float),
        seconds=np.array([np.mean([number(row["seconds"]) for row in rows]) for rows in at]),
        mean=100 * np.array([total.mean for total in totals]),
        low=100 * np.array([total.low for total in totals]),
        high=100 * np.array([total.high for total in totals]),
    )


def _curve(panel: Axes, x: np.ndarray, points: Course, look: dict[str, Any]) -> None:
    """Draws the means over x, with a band if there are several seeds."""
    panel.plot(x, points.mean, **look)
    if np.isfinite(points.low).any():
        panel.fill_between(x, points.low, points.high, color=look["color"], alpha=0.12, lw=0)


def _set_limits(panel: Axes, drawn: list[Course]) -> None:
    """Sets vertical limits within 0–100 % that contain every curve and band."""
    low = min(float(np.nanmin([points.mean, points.low])) for points in drawn)
    high = max(float(np.nanmax([points.mean, points.high])) for points in drawn)
    room = 0.05 * (high - low) + 0.3
    panel.set_ylim(max(low - room, 0), min(high + room, 100))


def champion(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws the champion's losses on training and validation images, and its validation accuracy."""
    if data.champion is None:
        return None
    history = data.history[data.history["run_id"] == data.champion.run_id]
    history = history.sort_values("samples_seen")
    judged = history["val_loss"].notna() & history["val_accuracy"].notna()
    looked = history[judged]
    if len(history) < 2 or not len(looked):
        return None
    figure, (left, right) = canvas(2.0, 2)
    plotted = Plotted("images", "training_loss_nats", "validation_loss_nats", "validation_accuracy_pct")
    drawn = history[["val_loss", "val_accuracy"]].where(judged)
    plotted.add_all(
        (), history["samples_seen"], history["train_loss"], drawn["val_loss"], 100 * drawn["val_accuracy"]
    )
    left.plot(
        history["samples_seen"] / 1000,
        history["train_loss"],
        color=INK,
        ls="-",
        label=words.figure["train"],
    )
    left.plot(
        looked["samples_seen"] / 1000,
        looked["val_loss"],
        "o--",
        color=SECOND_INK,
        mfc="white",
        ms=4,
        label=words.figure["validation"],
    )
    right.plot(
        looked["samples_seen"] / 1000,
        100 * looked["val_accuracy"],
        "o--",
        color=SECOND_INK,
        mfc="white",
        ms=4,
    )
    left.set_ylabel(words.axis["loss"])
    left.legend(frameon=False)
    vertical_label(right, words.axis["val_accuracy"])
    for panel in (left, right):
        panel.set_xlabel(words.axis["samples"])
        panel.xaxis.set_major_formatter(ticks(numbers.comma))
        few_ticks(panel, numbers.comma)
    return svg(figure, plotted)


def pretext(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws held-out accuracy and training loss of the formula-driven pretext task."""
    curves = {
        model: found["curve"]
        for model, found in data.pretraining.items()
        if found.get("source") == "fractal" and len(found.get("curve") or []) > 1
    }
    if not curves:
        return None
    figure, axes = canvas(2.1, 2)
    plotted = Plotted("network", "images", "accuracy_pct", "loss_nats")
    for place, (model, curve) in enumerate(curves.items()):
        images = [point["samples"] for point in curve]
        accuracy, loss = [100 * point["accuracy"] for point in curve], [point["loss"] for point in curve]
        plotted.add_all((model,), images, accuracy, loss)
        for panel, values in ((axes[0], accuracy), (axes[1], loss)):
            panel.plot(
                [count / 1000 for count in images],
                values,
                **network_look(model),
                ls=("-", "--", ":", "-.")[place % 4],
                ms=4,
                label=words.model[model],
            )
    axes[0].set_ylabel(words.axis["pretext_accuracy"])
    axes[1].set_ylabel(words.axis["loss"])
    for panel in axes:
        panel.set_xlabel(words.axis["samples"])
        panel.set_ylim(bottom=0)
        panel.xaxis.set_major_formatter(ticks(numbers.comma))
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    axes[0].legend(frameon=False)
    return svg(figure, plotted)


def calibration(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws the reliability diagram of the champion, whose probabilities alone are stored."""
    labels, longest = data.tables.labels, data.champion
    if longest is None or labels is None or longest.name not in data.tables.probabilities:
        return None
    shares = data.tables.probabilities[longest.name]
    figure, (panel,) = canvas(2.65, width=3.6)
    panel.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":", label=words.figure["ideal"])
    confidence, accuracy = reliability(shares, labels[: len(shares)])
    panel.plot(confidence, accuracy, **arm_look(longest.key), label=words.figure["champion"])
    plotted = Plotted("mean_confidence", "accuracy")
    plotted.add_all((), confidence, accuracy)
    panel.set_aspect("equal")
    panel.set_xlim(0, 1.02)
    panel.set_ylim(0, 1.02)
    panel.set_xlabel(words.axis["confidence"])
    panel.set_ylabel(words.axis["hit_rate"])
    panel.xaxis.set_major_formatter(ticks(numbers.comma))
    panel.yaxis.set_major_formatter(ticks(numbers.comma))
    panel.legend(frameon=False, loc="lower right")
    return svg(figure, plotted)


def reliability(shares: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes mean confidence and accuracy in equal bins of confidence (Guo et al. 2017, section 2).

    Args:
        shares: float [N, C], probabilities.
        labels: int [N].

    Returns:
        Two float arrays over the bins with at least ten predictions.
    """
    confidence = shares.max(axis=1).astype(float)
    hit = shares.argmax(axis=1) == labels
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    full = count >= 10
    mean = np.bincount(place, confidence, BINS)[full] / count[full]
    return mean, np.bincount(place, hit.astype(float), BINS)[full] / count[full]
