"""Figures of the side experiments: accuracy by labels and by unfrozen stages."""

from __future__ import annotations

from study.report.context import ReportData
from study.report.figures.style import Drawing, arm_handle, arm_look, canvas, svg, ticks
from study.report.numbers import Numbers
from study.report.words import Words

_INITS = {"pretrained": "pretrained-full-uniform", "scratch": "scratch-full-uniform"}


def labels(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Test accuracy against the number of labelled training images, both inits."""
    found = _points(data, "q2.labels")
    if not found:
        return None
    figure, axes = canvas(3.2, len(found), sharey=True)
    for panel, (model, points) in zip(axes, found.items(), strict=True):
        images = [point["train_images"] for point in points]
        for init, key in _INITS.items():
            panel.plot(images, [100 * point[init] for point in points], **arm_look(key))
        panel.set_xscale("log")
        panel.set_xticks(images, [numbers.integer(value) for value in images], rotation=30)
        panel.set_xticks([], minor=True)
        panel.set_title(words.model[model])
        panel.set_xlabel(words.axis["labels"])
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    axes[0].set_ylabel(words.axis["accuracy"])
    figure.legend(handles=[arm_handle(key, words) for key in _INITS.values()],
                  loc="outside lower center", ncols=2, frameon=False)  # fmt: skip
    return svg(figure)


def depth(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Test accuracy of the pretrained network against the number of unfrozen stages."""
    found = _points(data, "q4.depth")
    if not found:
        return None
    figure, axes = canvas(2.8, len(found), sharey=True)
    for panel, (model, points) in zip(axes, found.items(), strict=True):
        x = [point["stages"] for point in points]
        y = [100 * point["accuracy"] for point in points]
        spread = [
            [100 * (point["accuracy"] - point["low"]) for point in points],
            [100 * (point["high"] - point["accuracy"]) for point in points],
        ]
        panel.errorbar(x, y, yerr=spread, capsize=2.5, **arm_look("pretrained-full-uniform"))
        panel.set_xticks(x)
        panel.set_title(words.model[model])
        panel.set_xlabel(words.axis["unfrozen"])
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    axes[0].set_ylabel(words.axis["accuracy"])
    return svg(figure)


def _points(data: ReportData, prefix: str) -> dict[str, list[dict[str, float]]]:
    """Points of each network's finding, where it was measured."""
    found = {}
    for model in data.models:
        numbers = (data.findings.get(f"{prefix}.{model}") or {}).get("numbers") or {}
        if numbers.get("points"):
            found[model] = numbers["points"]
    return found
