"""Draws the stages of the networks: what is frozen, what is trained, and how fast."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from study.report.data.report_data import ReportData
from study.report.figures.plotted import Plotted
from study.report.figures.style import GREY, INK, Drawing, canvas, svg
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers

#: Height of a box, and of a row with its labels, in the unit of the vertical axis.
_BOX, _ROW = 0.5, 1.0
#: Opacity of the fill of the earliest and of the last stage; black text stays legible on both.
_FAINT, _STRONG = 0.06, 0.5


def scheme(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws each network as a row of stages from input to output.

    The upper row of a network shows the training of the output layer alone, the lower one that of the whole
    network with layer-wise rates: the darker a stage, the higher its rate. Below a stage stands the number
    k of formula η_k = η_0 / d^k, above it the number of its parameters in thousands.
    """
    found = {model: data.architecture[model]["stages"] for model in data.models if _stages(data, model)}
    if not found:
        return None
    figure, axes = canvas(1.25 * len(found), rows=len(found))
    plotted = Plotted("network", "stage", "k", "parameters", "output_layer_alone", "whole_network")
    for panel, (model, stages) in zip(axes, found.items(), strict=True):
        _draw(panel, words.model[model], stages, words, numbers)
        for k, stage in enumerate(reversed(stages)):
            alone = "frozen" if k else "trained"
            plotted.add(model, stage["name"], k, stage["parameters"], alone, "trained")
    return svg(figure, plotted)


def _stages(data: ReportData, model: str) -> bool:
    return bool((data.architecture.get(model) or {}).get("stages"))


def _draw(panel: Axes, title: str, stages: list[dict[str, Any]], words: Words, numbers: Numbers) -> None:
    last = len(stages) - 1
    for place, stage in enumerate(stages):
        head = place == last
        _box(panel, place, _ROW, filled=head, opacity=_STRONG, hatched=not head)
        _box(panel, place, 0.0, filled=True, opacity=_FAINT + (_STRONG - _FAINT) * place / max(1, last))
        name = words.figure["output"] if head else stage["name"]
        panel.text(place, _ROW, name, ha="center", va="center", fontsize=9)
        panel.text(place, 0, f"k = {last - place}", ha="center", va="center", fontsize=9)
        thousands = stage["parameters"] / 1e3
        told = numbers.num(thousands, 1) if thousands < 10 else numbers.integer(round(thousands))
        panel.text(place, _ROW + 0.36, told, ha="center", va="bottom", fontsize=8.5)
    panel.set_xlim(-2.0, last + 0.6)
    panel.set_ylim(-0.4, _ROW + 0.75)
    panel.text(-1.95, _ROW + 0.36, words.figure["parameters"], ha="left", va="bottom", fontsize=8.5)
    panel.text(-1.95, _ROW, words.figure["frozen"], ha="left", va="center", fontsize=9)
    panel.text(-1.95, 0, words.figure["layerwise"], ha="left", va="center", fontsize=9)
    panel.set_title(title, loc="left")
    panel.set_axis_off()


def _box(
    panel: Axes, place: int, height: float, *, filled: bool, opacity: float, hatched: bool = False
) -> None:
    """Draws the box of a stage; a frozen one is hatched, so that it differs without colour."""
    panel.add_patch(
        FancyBboxPatch(
            (place - 0.42, height - _BOX / 2),
            0.84,
            _BOX,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=INK if filled else "white",
            edgecolor=GREY if hatched else INK,
            alpha=opacity if filled else 1.0,
            linewidth=0.9,
            hatch="///" if hatched else None,
        )
    )
    if hatched:  # a white field keeps the name legible
        panel.add_patch(
            FancyBboxPatch(
                (place - 0.36, height - 0.14), 0.72, 0.28, boxstyle="round,pad=0", facecolor="white", lw=0
            )
        )
