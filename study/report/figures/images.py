"""Draws figures of pictures and matrices: examples, augmentation, filters, one object, errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.axes import Axes

from study.report.data.report_data import ArmSummary, ReportData
from study.report.figures.plotted import ARM, Plotted, numbered, of_arm
from study.report.figures.style import INK, TEXT_WIDTH, Drawing, canvas, png
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers

Pixels = npt.NDArray[np.uint8]
#: Maximum numbers of networks in the figure of one object, of wrong answers, and of augmented images.
OBJECT_RUNS = 4
ERRORS = 6
SOURCES = 2
#: Maximum numbers of classes with example images, of classes whose numbers stand in a confusion matrix, and
#: of classes in the figure of one object; a longer name of a class is cut.
MOST_EXAMPLES, MOST_CELLS, MOST_BARS, LONGEST_NAME = 20, 16, 12, 14
#: Arrays of the figure `filters`: before and after fine-tuning, and at random.
KERNELS = ("before", "after", "scratch")
#: What the table of that figure calls them.
_TIMES = {"before": "before", "after": "after", "scratch": "random"}


def show(axes: Axes, picture: npt.NDArray[np.generic], **keywords: object) -> None:
    """Draws a grey picture, see `study.report.figures.style.look`."""
    axes.imshow(picture, interpolation="nearest", **keywords)  # type: ignore[arg-type]
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_linewidth(0.5)


def _tiled(pictures: npt.NDArray[np.generic], columns: int, gap: int = 1) -> np.ndarray:
    """Arranges pictures [N, H, W] as one float64 picture; the gaps between them are NaN."""
    count, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for place in range(count):
        row, column = divmod(place, columns)
        y, x = row * (height + gap), column * (width + gap)
        sheet[y : y + height, x : x + width] = pictures[place]
    return sheet


def class_names(words: Words) -> list[str]:
    """Returns the names of the classes, short enough to stand beside a picture: beginning and end."""
    half = LONGEST_NAME // 2
    return [
        name if len(name) <= LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"
        for name in words.classes
    ]


def examples(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws some training images of every class; of many classes those of the first `MOST_EXAMPLES`."""
    stored = data.artifacts.array("dataset", "examples")
    if stored is None:
        return None
    stored, names = stored[:MOST_EXAMPLES], class_names(words)
    rows = -(-len(stored) // 2)
    figure, axes = canvas(0.4 * rows, 2, rows)
    plotted = Plotted("class", "picture", *numbered("pixel", stored.shape[2:]))
    for place, panel in enumerate(axes):
        number = place // 2 + rows * (place % 2)
        if number == len(stored):
            panel.set_axis_off()
            continue
        show(panel, _tiled(stored[number], 6, 2))
        for picture, pixels in enumerate(stored[number], start=1):
            plotted.add(number, picture, values=pixels)
        for spine in panel.spines.values():
            spine.set_visible(False)
        panel.set_ylabel(names[number], rotation=0, ha="right", va="center", labelpad=4)
    return png(figure, plotted)


def augmentation(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws original images and their random changes."""
    stored = data.artifacts.array("dataset", "augmented")
    if stored is None:
        return None
    rows, columns = min(SOURCES, stored.shape[0]), stored.shape[1]
    figure, axes = canvas(0.3 + 0.82 * rows, columns, rows, width=5.0)
    plotted = Plotted("picture", "change", *numbered("pixel", stored.shape[2:]))
    for place, panel in enumerate(axes):
        row, column = divmod(place, columns)
        show(panel, stored[row, column], vmin=0, vmax=255)
        plotted.add(row + 1, column, values=stored[row, column])
        if row == 0:
            changed = words.figure["changed"].format(n=column)
            panel.set_title(words.figure["original"] if column == 0 else changed, fontsize=10)
    return png(figure, plotted)


def fractals(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws samples of the formula-driven pre-training set."""
    stored = data.artifacts.array("dataset", "fractals")
    if stored is None:
        return None
    figure, axes = canvas(0.62, len(stored))
    plotted = Plotted("picture", *numbered("pixel", stored.shape[1:]))
    for number, (panel, picture) in enumerate(zip(axes, stored, strict=True), start=1):
        show(panel, picture)
        plotted.add(number, values=picture)
    return png(figure, plotted)


def shown(data: ReportData) -> list[ArmSummary]:
    """Returns the arms whose errors are shown: the champion's, or else the best of every network."""
    stored = data.tables.predictions
    if data.champion is not None and data.champion.name in stored:
        return [data.champion.arm]
    best = [arm for model in data.models if (arm := data.best(model)) is not None]
    return [arm for arm in best if any(name in stored for name in arm.keys)]


def confusion(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws the confusion matrices of the arms shown, over all seeds of an arm, in per cent of a row."""
    found = [(arm, s) for arm in shown(data) if (s := data.confusion(arm)) is not None]
    if not found:
        return None
    alone = len(found) == 1
    figure, axes = canvas(3.5 if alone else 3.1, len(found), sharey=True, width=5.0 if alone else 6.5)
    plotted = Plotted(*ARM, "true_class", "predicted_class", "share_pct")
    for panel, (arm, shares) in zip(axes, found, strict=True):
        for (true, predicted), share in np.ndenumerate(shares):
            plotted.add(*of_arm(arm.model, arm.key), true, predicted, share)
        few = len(shares) <= MOST_CELLS
        text = np.array([[numbers.num(v, 1) if v >= 0.05 else "" for v in row] for row in shares])
        sns.heatmap(
            shares,
            ax=panel,
            cmap="Greys",
            vmin=0,
            vmax=100,
            annot=text if few else None,
            fmt="",
            square=True,
            linewidths=0.4 if few else 0,
            linecolor="#bdbdbd",
            cbar=False,
            annot_kws={"fontsize": 9 if alone else 7},
        )
        every = 1 if few else -(-len(shares) // MOST_CELLS)
        named = class_names(words) if few else [str(number) for number in range(len(shares))]
        ticks = np.arange(len(shares))[::every] + 0.5
        panel.set_xticks(ticks, named[::every], fontsize=9)
        panel.set_yticks(ticks, named[::every], fontsize=9, rotation=0)
        panel.tick_params(length=0)
        for label in panel.get_xticklabels():
            label.set(rotation=45, ha="right", rotation_mode="anchor")
        panel.set_xlabel(words.axis["predicted_class"])
        panel.set_title(words.model[arm.model])
        for spine in panel.spines.values():
            spine.set_visible(True)
    axes[0].set_ylabel(words.axis["true_class"])
    return png(figure, plotted)


def chosen_object_runs(data: ReportData) -> list[tuple[int, ArmSummary]]:
    """Returns the runs in the figure `object`, as places in artifacts/object.npz and arms.

    They are the champion and then the best arm of every network and init, at most `OBJECT_RUNS`.
    """
    stored = data.artifacts.array("object", "run_ids")
    if stored is None:
        return []
    order = {str(run_id): place for place, run_id in enumerate(stored)}
    chosen = []
    if data.champion is not None and str(data.champion.run_id) in order:
        chosen.append((order[str(data.champion.run_id)], data.champion.arm))
    for model in data.models:
        for init in ("pretrained", "scratch"):
            arm = data.best(model, init)
            places = [order[run] for run in (arm.run_ids if arm else ()) if run in order]
            if arm is not None and places:
                chosen.append((places[0], arm))
    return chosen[:OBJECT_RUNS]


def one_object(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws the chosen object and the probabilities that the networks assign to its classes."""
    runs = chosen_object_runs(data)
    stored = data.artifacts.get("object")
    if not runs or "image" not in stored:
        return None
    titles = [object_title(arm, words, champion=_is_champion(data, arm)) for _, arm in runs]
    figure, axes = canvas(1.7 + 0.15 * max(t.count("\n") + 1 for t in titles), len(runs) + 1)
    show(axes[0], stored["image"])
    axes[0].set_title(words.figure["object"], fontsize=10)
    likely = np.sort(np.argsort(-stored["probabilities"].max(0), kind="stable")[:MOST_BARS])
    plotted = Plotted(*ARM, "champion", "test_index", "true_class", "class", "probability")
    for column, ((place, arm), title) in enumerate(zip(runs, titles, strict=True), start=1):
        axes[column].set_title(title, fontsize=9)
        shares = stored["probabilities"][place]
        names = [class_names(words)[number] if column == 1 else "" for number in likely]
        _bars(axes[column], shares[likely], names, words, numbers)
        known = (int(_is_champion(data, arm)), int(stored["index"]), int(stored["label"]))
        plotted.add_all((*of_arm(arm.model, arm.key), *known), range(len(shares)), shares)
    return png(figure, plotted)


def _is_champion(data: ReportData, arm: ArmSummary) -> bool:
    return data.champion is not None and arm is data.champion.arm


def object_title(arm: ArmSummary, words: Words, *, champion: bool = False) -> str:
    """Returns network and variant on several lines, narrow enough for a fifth of the page."""
    if champion:
        return f"{words.model[arm.model]},\n{words.figure['champion']}"
    variant = words.arm_axis[arm.key].replace("\n", " ").replace(", ", ",\n")
    return f"{words.model[arm.model]},\n{variant}"


def _bars(axes: Axes, shares: np.ndarray, names: list[str], words: Words, numbers: Numbers) -> None:
    count = len(shares)
    axes.barh(range(count), shares, color=INK, height=0.7, edgecolor="black", lw=0.5)
    axes.set_yticks(range(count), names, fontsize=9)
    axes.set_ylim(count - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], [numbers.comma(t) for t in ("0", "0.5", "1")])
    axes.set_xlabel(words.axis["probability"], fontsize=10)
    axes.grid(axis="y", visible=False)


def errors(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws the test images that the best network misclassifies with the highest confidence."""
    stored = data.artifacts.get("errors")
    if "images" not in stored or not len(stored["images"]):
        return None
    count = min(ERRORS, len(stored["images"]))
    figure, axes = canvas(1.5, count, width=TEXT_WIDTH * count / ERRORS)
    pixels = numbered("pixel", stored["images"].shape[1:])
    plotted = Plotted("test_index", "true_class", "predicted_class", "confidence", *pixels)
    for place in range(count):
        picture = stored["images"][place]
        index, true, predicted = (int(stored[name][place]) for name in ("index", "label", "predicted"))
        confidence = float(stored["confidence"][place])
        show(axes[place], picture)
        title = words.figure["error"].format(
            index=index,
            true=words.classes[true],
            predicted=words.classes[predicted],
            confidence=numbers.num(confidence, 3),
        )
        axes[place].set_title(title, fontsize=8.5, linespacing=1.05)
        plotted.add(index, true, predicted, confidence, values=picture)
    return png(figure, plotted)


def filters(data: ReportData, words: Words, numbers: Numbers) -> Drawing | None:
    """Draws first-layer filters before and after fine-tuning, and random ones; each network is a row."""
    arrays = {model: data.artifacts.get(f"filters-{model}") for model in data.models}
    found = {m: stored for m, stored in arrays.items() if any(kind in stored for kind in KERNELS)}
    if not found:
        return None
    figure, axes = canvas(0.25 + 0.62 * len(found), 3, len(found))
    plotted = Plotted("network", "time", "filter", "row", "column", "relative_weight")
    for row, (model, stored) in enumerate(found.items()):
        for panel, kind in zip(axes[3 * row : 3 * row + 3], KERNELS, strict=True):
            if row == 0:
                panel.set_title(words.figure[kind], fontsize=10.5)
            if kind not in stored:
                panel.set_axis_off()
                continue
            kernels = stored[kind].astype(float)
            spread = np.abs(kernels).max(axis=(1, 2), keepdims=True) + 1e-12
            relative = kernels / spread
            show(panel, _tiled(relative, 16), vmin=-1, vmax=1)
            for (number, y, x), weight in np.ndenumerate(relative):
                plotted.add(model, _TIMES[kind], number + 1, y + 1, x + 1, weight)
        axes[3 * row].set_ylabel(words.model[model], fontsize=10)
    return png(figure, plotted)
