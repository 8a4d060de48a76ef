"""Figures of the search and of what training did to the weights: tuning trials, drift."""

from __future__ import annotations

import numpy as np

from study.report.context import ReportData
from study.report.figures.style import Drawing, arm_handle, arm_look, canvas, svg, ticks
from study.report.numbers import Numbers
from study.report.words import Words


def tuning(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Validation accuracy of tuning trials against the learning rate of the output layer."""
    trials = data.trials[data.trials["val_accuracy"].notna() & data.trials["lr"].notna()]
    models = [model for model in data.models if (trials["model"] == model).any()]
    if not models:
        return None
    figure, axes = canvas(3.2, len(models), sharey=True)
    for panel, model in zip(axes, models, strict=True):
        for key in words.arm_short:
            init, scope, *policy = key.split("-")
            rows = trials[
                (trials["model"] == model) & (trials["init"] == init) & (trials["scope"] == scope)
                & (trials["lr_policy"] == (policy[0] if policy else "none"))
            ].sort_values("lr")  # fmt: skip
            if len(rows):
                look = arm_look(key) | {"linestyle": ""}
                panel.plot(rows["lr"], 100 * rows["val_accuracy"], **look)
        panel.set_xscale("log")
        panel.set_title(words.model[model])
        panel.set_xlabel(words.axis["lr"])
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
    axes[0].set_ylabel(words.axis["val_accuracy"])
    figure.legend(handles=[arm_handle(key, words) for key in words.arm_short],
                  loc="outside lower center", ncols=2, frameon=False)  # fmt: skip
    return svg(figure)


def drift(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Relative weight change of every stage of fully trained networks, mean over stored runs."""
    stored = data.tables.drift
    models = [
        m for m in data.models if any(set(a.run_ids) & set(stored) for a in data.finished_of(m))
    ]
    if not models:
        return None
    figure, axes = canvas(3.0, len(models), sharey=True)
    used: dict[str, None] = {}
    for panel, model in zip(axes, models, strict=True):
        for arm in data.finished_of(model):
            known = [stored[run_id] for run_id in arm.run_ids if run_id in stored]
            if not known:
                continue
            used[arm.key] = None
            panel.plot(100 * np.mean([change for _, change in known], axis=0), **arm_look(arm.key))
            panel.set_xticks(range(len(known[0][0])), [str(k + 1) for k in range(len(known[0][0]))])
        panel.set_title(words.model[model])
        panel.set_xlabel(words.axis["stage"])
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter(ticks(numbers.comma))
        panel.yaxis.set_minor_formatter("")
    axes[0].set_ylabel(words.axis["drift"])
    figure.legend(handles=[arm_handle(key, words) for key in used],
                  loc="outside lower center", ncols=2, frameon=False)  # fmt: skip
    return svg(figure)
