"""Draws the comparisons of arms: accuracy of every arm, and the main contrasts."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from study.networks import NETWORKS
from study.report.data.report_data import ArmSummary, ReportData
from study.report.figures.plotted import ARM, Plotted, of_arm
from study.report.figures.style import (
    GREY,
    INK,
    Drawing,
    arm_look,
    canvas,
    network_look,
    svg,
    ticks,
)
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers, as_float

#: Contrasts that are drawn; the table of contrasts also has the controls and interactions.
DRAWN = ("init@full", "init@frozen", "scope@pretrained", "lr_policy@pretrained", "model")


def _name_rows(axes: Axes, arms: list[ArmSummary], words: Words) -> None:
    axes.set_yticks(range(len(arms)), [words.arm_axis[arm.key] for arm in arms])
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def arms(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws each arm's test accuracy by seed, its mean and 95 % interval, and its training accuracy."""
    models = [model for model in data.models if data.finished_of(model)]
    if not models:
        return None
    rows = max(len(data.finished_of(model)) for model in models)
    figure, axes = canvas(0.75 + 0.39 * rows, len(models), sharex=True)
    plotted = Plotted(*ARM, "quantity", "seed", "accuracy_pct", "ci_low_pct", "ci_high_pct")
    for panel, model in zip(axes, models, strict=True):
        chosen = data.finished_of(model)
        _name_rows(panel, chosen, words)
        for row, arm in enumerate(chosen):
            look = arm_look(arm.key)
            values = 100 * np.array(arm.values)
            name = of_arm(model, arm.key)
            panel.plot(values, [row + 0.2] * len(values), "o", ms=3.5, mfc="none", mec=GREY, mew=0.9)
            for seed, value in zip(arm.seeds, values, strict=True):
                plotted.add(*name, "test", seed, value, None, None)
            if arm.means["train"] is not None:
                train = 100 * arm.means["train"]
                panel.plot(train, row, "s", ms=5, mfc="white", mec="black")
                plotted.add(*name, "mean training", None, train, None, None)
            mean, low, high = (
                None if share is None else 100 * share for share in (arm.mean, arm.low, arm.high)
            )
            plotted.add(*name, "mean test", None, mean, low, high)
            half = None
            if low is not None and high is not None and mean is not None:
                half = [[mean - low], [high - mean]]
            panel.errorbar(
                [mean or 0],
                [row],
                xerr=half,
                fmt=look["marker"],
                ms=6,
                capsize=3,
                color=look["color"],
                mfc=look["markerfacecolor"],
                elinewidth=1.3,
            )
        panel.set_title(words.model[model])
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.xaxis.set_major_formatter(ticks(numbers.comma))
        panel.set_xlabel(words.axis["accuracy"])  # the caption says that it is the test set
    for panel in axes[1:]:
        if [a.key for a in data.finished_of(models[0])] == [a.key for a in data.finished_of(models[-1])]:
            panel.set_yticklabels([])
    several = data.seeds > 1
    mean_label = words.figure["mean"] if several else words.figure["no_interval"]
    figure.legend(
        handles=[
            Line2D([], [], marker="D", color=INK, ls="-" if several else "", label=mean_label),
            Line2D([], [], marker="o", ls="", mfc="none", mec=GREY, label=words.figure["seed"]),
            Line2D([], [], marker="s", ls="", mfc="white", mec="black", label=words.figure["train"]),
        ],
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return svg(figure, plotted)


def contrasts(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws a forest plot of the main contrasts; a contrast of one seed has no interval."""
    rows = [
        (name, model, found)
        for name in DRAWN
        for model in words.contrast_model
        if (found := data.contrast(name, model)) is not None
    ]
    if not rows:
        return None
    # A two-line label needs the height of two rows, even if its group has only one row.
    groups = [name for name in DRAWN if any(row[0] == name for row in rows)]
    places, at = list[float](), dict[str, list[float]]()
    for name, _, _ in rows:
        places.append(places[-1] + (1.0 if name in at else 1.9) if places else 0.0)
        at.setdefault(name, []).append(places[-1])
    room = 0.12 if len(rows) > len(groups) else 0.17
    figure, (axes,) = canvas(0.85 + room * (places[-1] + 1))
    plotted = Plotted("contrast", "network", "effect_pp", "ci_low_pp", "ci_high_pp")
    for row, (name, model, found) in zip(places, rows, strict=True):
        effect = float(found["effect_pp"])
        low, high = as_float(found.get("ci_low_pp")), as_float(found.get("ci_high_pp"))
        plotted.add(name, model, effect, low, high)
        error = None if low is None or high is None else [[effect - low], [high - effect]]
        axes.errorbar(
            [effect],
            [row],
            xerr=error,
            **network_look(model),
            ls="",
            ms=5.5,
            capsize=2.5,
            elinewidth=1.3,
        )
    for name in groups[1:]:
        axes.axhline(at[name][0] - 0.95, color="#dcdcdc", lw=0.6)
    axes.axvline(0, color="black", lw=0.9)
    middles = [(at[name][0] + at[name][-1]) / 2 for name in groups]
    axes.set_yticks(middles, [_wrapped(words.contrast[name]) for name in groups])
    axes.set_ylim(places[-1] + 0.9, -0.9)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(ticks(numbers.comma))
    axes.set_xlabel(words.axis["effect"])
    shown = [m for m in (*NETWORKS, "pooled") if any(model == m for _, model, _ in rows)]
    figure.legend(
        handles=[
            Line2D([], [], **network_look(m), ms=5.5, ls="", label=words.contrast_model[m]) for m in shown
        ],
        loc="outside lower center",
        ncols=3,
        frameon=False,
    )
    return svg(figure, plotted)


def _wrapped(label: str, width: int = 30) -> str:
    if len(label) <= width:
        return label
    cut = label.rfind(" ", 0, width + 1)
    return label[:cut] + "\n" + label[cut + 1 :]
