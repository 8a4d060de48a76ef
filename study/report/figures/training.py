"""Draws the tuning trials, and what training changed in a network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from study.analysis.sources import ByStage
from study.report.data.report_data import ReportData
from study.report.figures.plotted import ARM, Plotted, of_arm
from study.report.figures.style import (
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
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers


def tuning(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws validation accuracy of tuning trials against the learning rate of the output layer."""
    trials = data.trials[data.trials["val_accuracy"].notna() & data.trials["lr"].notna()]
    models = [model for model in data.models if (trials["model"] == model).any()]
    if not models:
        return None
    figure, axes = canvas(2.5, len(models))
    plotted = Plotted(*ARM, "lr", "validation_accuracy_pct")
    used: dict[str, None] = {}
    for panel, model in zip(axes, models, strict=True):
        for key in words.arm_short:
            init, scope, *policy = key.split("-")
            rows = trials[
                (trials["model"] == model)
                & (trials["init"] == init)
                & (trials["scope"] == scope)
                & (trials["lr_policy"] == (policy[0] if policy else "none"))
            ].sort_values("lr")
            if len(rows):
                used[key] = None
                look = arm_look(key) | {"linestyle": ""}
                accuracy = 100 * rows["val_accuracy"]
                panel.plot(rows["lr"], accuracy, **look)
                plotted.add_all(of_arm(model, key), rows["lr"], accuracy)
        log_ticks(panel, numbers.comma)
        panel.set_title(words.model[model])
        panel.set_xlabel(words.axis["lr"])
        few_ticks(panel, numbers.comma)
    vertical_label(axes[0], words.axis["val_accuracy"])
    figure.legend(
        handles=[arm_handle(key, words, linestyle="") for key in used],
        loc="outside lower center",
        ncols=2,
        frameon=False,
    )
    return svg(figure, plotted)


def drift(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws how much full training changed weights and activations of every stage, mean over runs."""
    rows = [
        (axis, stored)
        for axis, stored in (("drift", data.tables.drift), ("cka", data.tables.cka))
        if any(_profiles(data, model, stored) for model in data.models)
    ]
    models = [m for m in data.models if any(_profiles(data, m, stored) for _, stored in rows)]
    if not models:
        return None
    height = 0.8 + 1.4 * len(rows)
    figure, axes = canvas(height, len(models), len(rows), sharex="col", sharey="row")
    plotted = Plotted(*ARM, "quantity", "stage", "value")
    used: dict[str, None] = {}
    for place, panel in enumerate(axes):
        row, column = divmod(place, len(models))
        axis, stored = rows[row]
        for key, profile in _profiles(data, models[column], stored).items():
            used[key] = None
            values = 100 * profile if axis == "drift" else profile
            panel.plot(values, **arm_look(key))
            stages = range(1, len(values) + 1)
            panel.set_xticks(range(len(values)), [str(stage) for stage in stages])
            quantity = "change_pct" if axis == "drift" else "cka"
            plotted.add_all((*of_arm(models[column], key), quantity), stages, values)
        if axis == "drift":
            panel.set_yscale("log")
            panel.yaxis.set_minor_formatter("")
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
        if row == 0:
            panel.set_title(words.model[models[column]])
        if row == len(rows) - 1:
            panel.set_xlabel(words.axis["stage"])
        if column == 0:
            panel.set_ylabel(words.axis[axis])
    figure.legend(
        handles=[arm_handle(key, words) for key in used], loc="outside lower center", ncols=2, frameon=False
    )
    return svg(figure, plotted)


def _profiles(data: ReportData, model: str, stored: ByStage) -> dict[str, npt.NDArray[np.float64]]:
    """Returns a stored quantity of each stage by arm key, as the mean over the arm's runs."""
    found = {
        arm.key: [stored[run_id][1] for run_id in arm.run_ids if run_id in stored]
        for arm in data.finished_of(model)
    }
    return {key: np.mean(values, axis=0) for key, values in found.items() if values}
