"""Draws the side experiments: accuracy by labels and by trained stages."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.report.data.report_data import ReportData
from study.report.figures.plotted import Plotted
from study.report.figures.style import Drawing, arm_handle, arm_look, canvas, svg, ticks
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers

Points: TypeAlias = list[dict[str, float]]
_INITS = {"pretrained": "pretrained-full-uniform", "scratch": "scratch-full-uniform"}


def labels(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws test accuracy against the number of labelled training images for both inits."""
    drawn = _panels(data, "q2.labels", 2.2, "labels", words, numbers)
    if drawn is None:
        return None
    figure, panels = drawn
    plotted = Plotted("network", "init", "training_images", "test_accuracy_pct")
    for model, panel, points in panels:
        images = [point["train_images"] for point in points]
        for init, key in _INITS.items():
            accuracy = [100 * point[init] for point in points]
            panel.plot(images, accuracy, **arm_look(key))
            plotted.add_all((model, init), images, accuracy)
        panel.set_xscale("log")
        panel.set_xticks(images, [numbers.integer(value) for value in images], rotation=30)
        panel.set_xticks([], minor=True)
    figure.legend(
        handles=[arm_handle(key, words) for key in _INITS.values()],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
    return svg(figure, plotted)


def depth(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws the pretrained network's test accuracy against the number of trained stages."""
    drawn = _panels(data, "q4.depth", 1.9, "unfrozen", words, numbers)
    if drawn is None:
        return None
    figure, panels = drawn
    plotted = Plotted("network", "trained_stages", "test_accuracy_pct", "lowest_pct", "highest_pct")
    for model, panel, points in panels:
        x = [point["stages"] for point in points]
        y, lowest, highest = (
            100 * np.array([point[name] for point in points]) for name in ("accuracy", "low", "high")
        )
        spread = [y - lowest, highest - y]
        panel.errorbar(x, y, yerr=spread, capsize=2.5, **arm_look("pretrained-full-uniform"))
        panel.set_xticks(x)
        plotted.add_all((model,), x, y, lowest, highest)
    return svg(figure, plotted)


def _panels(
    data: ReportData, prefix: str, height: float, axis: str, words: Words, numbers: Numbers
) -> tuple[Figure, list[tuple[str, Axes, Points]]] | None:
    """Returns each network whose finding `prefix` was measured, with a titled panel and its points."""
    found = {model: points for model in data.models if (points := data.points(f"{prefix}.{model}"))}
    if not found:
        return None
    figure, axes = canvas(height, len(found), sharey=True)
    for panel, model in zip(axes, found, strict=True):
        panel.set_title(words.model[model])
        panel.set_xlabel(words.axis[axis])
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    figure.supylabel(words.axis["accuracy"], fontsize=11)
    return figure, list(zip(found, axes, found.values(), strict=True))
