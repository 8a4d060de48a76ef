"""Draws every figure of the report whose data exist (the only user of matplotlib and seaborn)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from study.networks import NETWORKS
from study.report.data.report_data import ReportData
from study.report.figures import ablations, architecture, comparison, curves, explanation, images, training
from study.report.figures.export import figure_files, file_names
from study.report.figures.style import Drawing, empty_drawing, font_is_missing, look
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers

Draw = Callable[[ReportData, Words, Numbers], Drawing | None]

#: Drawing functions by the id that templates use; a new figure is one line here.
FIGURES: dict[str, Draw] = {
    "examples": images.examples,
    "augmentation": images.augmentation,
    "fractals": images.fractals,
    "pretext": curves.pretext,
    "scheme": architecture.scheme,
    "tuning": training.tuning,
    "arms": comparison.arms,
    "contrasts": comparison.contrasts,
    "lengths": curves.lengths,
    "gain": curves.gain,
    "champion": curves.champion,
    "drift": training.drift,
    "labels": ablations.labels,
    "depth": ablations.depth,
    "calibration": curves.calibration,
    "confusion": images.confusion,
    "filters": images.filters,
    "object": images.one_object,
    "errors": images.errors,
    "featuremap": explanation.featuremap,
}
#: Drawing functions of figures that exist once for each network.
PER_MODEL: dict[str, Callable[[ReportData, str, Words, Numbers], Drawing | None]] = {
    "gradcam": explanation.gradcam,
}


def figure_names() -> list[str]:
    """Returns every id that a figure may have."""
    return [*FIGURES, *(f"{name}-{model}" for name in PER_MODEL for model in NETWORKS)]


def draw_all(data: ReportData, words: Words, numbers: Numbers) -> dict[str, Drawing]:
    """Draws all figures whose data exist and returns them by id."""
    tasks = {name: partial(draw, data, words, numbers) for name, draw in FIGURES.items()}
    for name, draw_model in PER_MODEL.items():
        for model in data.models:
            tasks[f"{name}-{model}"] = partial(draw_model, data, model, words, numbers)
    with look(negative=data.dataset.on_black):
        drawn = {name: task() for name, task in tasks.items()}
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


__all__ = [
    "FIGURES",
    "PER_MODEL",
    "Drawing",
    "draw_all",
    "empty_drawing",
    "figure_files",
    "figure_names",
    "file_names",
    "font_is_missing",
]
