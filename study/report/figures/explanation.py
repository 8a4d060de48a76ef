"""Draws what networks look at, by Grad-CAM, and how their features lie in a plane."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from study.report.data.report_data import ReportData
from study.report.figures.images import show
from study.report.figures.plotted import ARM, Plotted, numbered, of_arm
from study.report.figures.style import Drawing, canvas, pale_range, png
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers

#: Grad-CAM values of the contour lines, and the widths of the lines.
LEVELS, WIDTHS = (0.25, 0.5, 0.75), (0.5, 0.9, 1.4)
#: Upper end of the grey scale under a map; pixels reach 255, so a garment stays lighter than the lines.
PALE = 420
#: Maximum number of classes with a digit on their centre and an entry in the legend.
MOST_DIGITS = 20
#: Markers of the classes, which begin anew where there are more; the digit on the centre of a class
#: identifies it without colour.
MARKERS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "p")
#: Least distance between two digits as a share of a panel's width.
APART = 0.075


def gradcam(data: ReportData, model: str, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws the maps and predictions of one model's networks on the same test objects."""
    stored = data.artifacts.get(f"gradcam-{model}")
    if "maps" not in stored:
        return None
    networks, objects = stored["maps"].shape[:2]
    figure, axes = canvas(0.4 + 0.9 * networks, objects, networks)
    plotted = Plotted(
        *(*ARM, "test_index", "true_class", "predicted_class", "probability"),
        *numbered("map", stored["maps"].shape[2:]),
    )
    for place, panel in enumerate(axes):
        row, column = divmod(place, objects)
        label, shares = int(stored["labels"][column]), stored["probabilities"][row, column]
        answer, index = int(shares.argmax()), int(stored["index"][column])
        heat, probability = stored["maps"][row, column].astype(float), float(shares[answer])
        arm = of_arm(model, _key(model, stored["arms"][row]))
        plotted.add(*arm, index, label, answer, probability, values=heat)
        _overlay(panel, stored["images"][column], heat)
        panel.set_title(
            f"{words.classes[answer]} {numbers.num(probability, 2)}",
            fontsize=9,
            pad=3,
            style="normal" if answer == label else "italic",
        )
        if row == 0:
            number = words.figure["numbered"].format(index=index)
            head = f"{number}\n{words.classes[label]}"
            panel.annotate(
                head,
                (0.5, 1),
                xytext=(0, 15),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=9,
            )
    for row, name in enumerate(stored["arms"]):
        label_of_row = words.explained[_key(model, name)]
        # The label is horizontal, because a row is lower than the longest label is wide.
        axes[row * objects].set_ylabel(
            label_of_row, fontsize=10, rotation=0, ha="right", va="center", labelpad=4
        )
    return png(figure, plotted)


def _key(model: str, arm: object) -> str:
    """Returns the key of an arm, for example `scratch-full-uniform`, from its name."""
    return str(arm).removeprefix(f"{model}-")


def featuremap(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws test images in the plane of the first two principal components of untrained features."""
    found = {m: s for m in data.models if "labels" in (s := data.artifacts.get(f"featuremap-{m}"))}
    if not found:
        return None
    figure, axes = canvas(1.6 * len(found) + 0.55, 2, len(found))
    panels = iter(axes)
    plotted = Plotted("network", "init", "class", "x", "y", "x_variance_pct", "y_variance_pct")
    for model, stored in found.items():
        for init in ("pretrained", "scratch"):
            panel = next(panels)
            points = _plane(panel, stored[f"{init}.points"], stored["labels"], len(words.classes))
            shares = [100 * float(share) for share in stored[f"{init}.explained"]]
            for label, (x, y) in zip(stored["labels"].tolist(), points.tolist(), strict=True):
                plotted.add(model, init, label, x, y, *shares)
            explained = [numbers.num(share, 1) for share in shares]
            panel.set_title(f"{words.model[model]}, {words.features_of[init]}", fontsize=10.5)
            panel.set_xlabel(words.axis["component"].format(n=1, share=explained[0]), fontsize=9)
            panel.set_ylabel(words.axis["component"].format(n=2, share=explained[1]), fontsize=8)
    few = len(words.classes) <= MOST_DIGITS
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=colour, label=f"{k} – {name}")
        for k, (marker, colour, name) in enumerate(
            zip(cycle(MARKERS), sns.color_palette("deep", len(words.classes)), words.classes, strict=False)
        )
    ]
    figure.legend(
        handles=handles if few else [],
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=9,
        handletextpad=0.1,
        columnspacing=1.0,
    )
    return png(figure, plotted)


def _overlay(axes: Axes, picture: np.ndarray, heat: np.ndarray) -> None:
    """Draws the picture under contour lines and a tint of Grad-CAM values, legible without colour."""
    show(axes, picture, **pale_range(PALE))
    if heat.max() > 0:
        axes.imshow(heat, cmap="Oranges", alpha=0.5 * heat, vmin=0, vmax=1.3)
        axes.contour(heat, levels=LEVELS, colors="black", linewidths=WIDTHS)


def _plane(axes: Axes, points: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Draws points by class in colour and marker, and a digit in a circle on each class's median.

    Returns:
        The points in units of the panel, float64 [N, 2].
    """
    low, high = np.percentile(points, [0.5, 99.5], axis=0)
    points = (points - low) / np.maximum(high - low, 1e-12)
    centres = []
    for k, colour in enumerate(sns.color_palette("deep", classes)):
        own = points[labels == k]
        if not len(own):
            continue
        axes.scatter(
            own[:, 0], own[:, 1], s=7, marker=MARKERS[k % len(MARKERS)], color=colour, alpha=0.6, lw=0
        )
        centres.append(np.median(own, axis=0))
    for k, (x, y) in enumerate(_apart(np.array(centres)) if len(centres) == classes <= MOST_DIGITS else ()):
        circle = {"boxstyle": "circle,pad=0.12", "fc": "white", "ec": "black", "lw": 0.7}
        axes.text(x, y, str(k), fontsize=8.5, ha="center", va="center", bbox=circle)
    axes.set_xlim(-0.04, 1.04)
    axes.set_ylim(-0.04, 1.04)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    return points


def _apart(centres: np.ndarray) -> np.ndarray:
    """Moves digits apart that would cover one another.

    Args:
        centres: float64 [C, 2], places in units of the panel.
    """
    places = centres.copy()
    for _ in range(200):
        moved = False
        for i in range(len(places)):
            for j in range(i):
                step = places[i] - places[j]
                # A panel is wider than high, so a digit covers a larger share of its height.
                distance = float(np.hypot(step[0], 0.7 * step[1]))
                if distance < APART:
                    push = (step if distance > 1e-6 else np.array([0.0, 1e-3])) / max(distance, 1e-3)
                    places[i] += push * (APART - distance) / 2
                    places[j] -= push * (APART - distance) / 2
                    moved = True
        if not moved:
            break
    return places
