"""Defines the look of all figures: font, styles of arms that are legible in black and white, output."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from study.networks import NETWORKS
from study.report.figures.plotted import Plotted
from study.report.locale.messages import Words

FONT = "Liberation Serif"
#: Width of the text block in inches (165 mm); the report prints figures at their true size.
TEXT_WIDTH = 6.5
DPI = 240
#: Entries of a file's metadata that are left out: moment and version of the program.
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}

#: Colour, line style and fill by init, and marker by scope and policy. Colour is never the only sign.
_INIT = {
    "pretrained": {"color": "#12436d", "linestyle": "-", "filled": True},
    "scratch": {"color": "#b4530a", "linestyle": "--", "filled": False},
}
_CELL = {"frozen": "s", "full-uniform": "o", "full-discriminative": "^"}
INK = "#12436d"
SECOND_INK = "#b4530a"
GREY = "#8a8a8a"
#: Ticks within a decade of a logarithmic axis, from the coarsest to the finest.
_NETWORK = (
    ("o", INK, INK),
    ("s", SECOND_INK, "white"),
    ("^", INK, "white"),
    ("v", SECOND_INK, SECOND_INK),
    ("P", GREY, GREY),
)
STEPS = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 2.0, 3.0, 5.0),
    (1.0, 2.0, 3.0, 4.0, 6.0, 8.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
)
#: Colour map of negatives.
_NEGATIVE = "gray_r"
#: Number of ticks that suffice for an axis.
ENOUGH = 4
#: Width of a tick label's digit as a share of an axis that is half as wide as the text.
DIGIT = 0.026


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A finished figure.

    Attributes:
        data: the picture of the report.
        media: image/svg+xml or image/png.
        width_mm: printed width.
        height_mm: printed height.
        figure: the figure, laid out, for other forms of the picture.
        plotted: the table of what it shows.
    """

    data: bytes
    media: str
    width_mm: float
    height_mm: float
    figure: Figure
    plotted: Plotted


def empty_drawing() -> Drawing:
    """Returns a picture that shows nothing, for a text whose figures do not matter."""
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    return Drawing(
        data=svg,
        media="image/svg+xml",
        width_mm=1,
        height_mm=1,
        figure=Figure(),
        plotted=Plotted("nothing"),
    )


def font_is_missing() -> bool:
    """Whether the report's font is not installed, so that figures use another one."""
    try:
        findfont(FONT, fallback_to_default=False)
    except ValueError:
        return True
    return False


def pale_range(brightest: float) -> dict[str, float]:
    """Returns the limits of `imshow` that make a picture pale; `brightest` is beyond 255."""
    if matplotlib.rcParams["image.cmap"] == _NEGATIVE:
        return {"vmin": 0, "vmax": brightest}
    return {"vmin": 255 - brightest, "vmax": 255}


@contextmanager
def look(*, negative: bool = True) -> Iterator[None]:
    """Applies the style inside the block; a matplotlibrc of the user has no effect.

    Args:
        negative: whether pictures are drawn as negatives: those of light objects on black then have dark
            objects on white paper, which saves toner.
    """
    settings: Any = {
        **sns.axes_style("whitegrid"),
        "image.cmap": _NEGATIVE if negative else "gray",
        "font.family": [FONT, "DejaVu Serif"],
        "font.size": 11,
        "text.parse_math": False,  # a dollar in a file's text is a dollar
        "axes.titlesize": 11,
        "axes.labelsize": 11,
        "xtick.labelsize": 10,
        "ytick.labelsize": 10,
        "legend.fontsize": 10,
        "axes.edgecolor": "black",
        "axes.linewidth": 0.8,
        "text.color": "black",
        "axes.labelcolor": "black",
        "xtick.color": "black",
        "ytick.color": "black",
        "xtick.bottom": True,
        "ytick.left": True,
        "grid.color": "#dcdcdc",
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.4,
        "lines.markersize": 5,
        "mathtext.fontset": "custom",
        **{f"mathtext.{kind}": FONT for kind in ("rm", "it", "bf", "cal", "sf", "tt")},
        "svg.fonttype": "none",  # text stays searchable, and the PDF is written faster
        "svg.hashsalt": "study",
        "axes.unicode_minus": True,
        "hatch.linewidth": 0.7,
        "figure.constrained_layout.h_pad": 0.04,
        "figure.constrained_layout.w_pad": 0.04,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings)
        yield


def canvas(
    height: float, columns: int = 1, rows: int = 1, width: float = TEXT_WIDTH, **keywords: Any
) -> tuple[Figure, list[Axes]]:
    """Creates a figure with axes in reading order.

    Args:
        height: height in inches.
        columns: number of columns of axes.
        rows: number of rows of axes.
        width: width in inches.
        **keywords: arguments of `Figure.subplots`.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **keywords)
    return figure, list(axes.ravel())


def svg(figure: Figure, plotted: Plotted) -> Drawing:
    """Finishes a figure of lines and points."""
    return _drawing(figure, plotted, "svg", "image/svg+xml")


def png(figure: Figure, plotted: Plotted) -> Drawing:
    """Finishes a figure of pictures, which the report shows as one picture."""
    return _drawing(figure, plotted, "png", "image/png")


def save(figure: Figure, form: str) -> bytes:
    """Returns a figure as `svg`, `pdf` or `png`; equal figures give equal files."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, dpi=DPI, metadata=_METADATA[form])
    return buffer.getvalue()


def _drawing(figure: Figure, plotted: Plotted, form: str, media: str) -> Drawing:
    width, height = (25.4 * inches for inches in figure.get_size_inches())
    layout = figure.get_layout_engine()
    if (
        layout is not None
    ):  # once for all forms; `savefig` would find it anew for each, with a second drawing
        layout.execute(figure)
        figure.set_layout_engine(None)
    data = save(figure, form)
    return Drawing(data=data, media=media, width_mm=width, height_mm=height, figure=figure, plotted=plotted)


def arm_look(key: str) -> dict[str, Any]:
    """Returns line and marker of an arm by its key, for example `pretrained-full-uniform`."""
    init, _, cell = key.partition("-")
    look_of_init = _INIT[init]
    return {
        "color": look_of_init["color"],
        "linestyle": look_of_init["linestyle"],
        "marker": _CELL[cell],
        "markerfacecolor": look_of_init["color"] if look_of_init["filled"] else "white",
        "markeredgecolor": look_of_init["color"],
    }


def network_look(model: str) -> dict[str, Any]:
    """Returns the look of a network's points; what is about several networks has one of its own."""
    place = list(map(str, NETWORKS)).index(model) % len(_NETWORK) if model in NETWORKS else None
    marker, colour, fill = ("D", "black", "black") if place is None else _NETWORK[place]
    return {"marker": marker, "color": colour, "markerfacecolor": fill}


def arm_handle(key: str, words: Words, **changes: Any) -> Line2D:
    """Returns the legend entry of an arm; `changes` replace parts of its look."""
    return Line2D([], [], label=words.arm_short[key], **(arm_look(key) | changes))


def vertical_label(axes: Axes, label: str) -> None:
    """Labels the vertical axis in lines that are shorter than a low panel is high."""
    axes.set_ylabel(textwrap.fill(label, 15), fontsize=10)


def few_ticks(axes: Axes, numbers: Callable[[str], str]) -> None:
    """Sets the vertical ticks of a low panel, which would get only two from matplotlib."""
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(ticks(numbers))


def ticks(numbers: Callable[[str], str]) -> FuncFormatter:
    """Returns a formatter of tick labels with the local decimal mark and minus."""
    return FuncFormatter(lambda value, _: numbers(f"{value:.6g}"))


def log_ticks(axes: Axes, numbers: Callable[[str], str]) -> None:
    """Sets the ticks of a logarithmic horizontal axis.

    The steps are the coarsest ones that give enough labels without overlap.
    """
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    fitting = [found for steps in STEPS if _legible(found := _in_range(steps, low, high), low, high)]
    places = max(fitting, key=lambda found: min(len(found), ENOUGH), default=[])
    if len(places) > 1:
        axes.xaxis.set_major_locator(FixedLocator(places))
    else:  # the axis is shorter than the finest step, or has too many decades for one label each
        axes.xaxis.set_major_locator(MaxNLocator(3) if high < 10 * low else LogLocator(numticks=4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: numbers(_plain(value))))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _in_range(steps: tuple[float, ...], low: float, high: float) -> list[float]:
    decades = range(int(np.floor(np.log10(low))), int(np.floor(np.log10(high))) + 1)
    found = [step * 10.0**decade for decade in decades for step in steps]
    return [value for value in found if low <= value <= high]


def _legible(places: list[float], low: float, high: float) -> bool:
    """Whether at least the width of one and a half digits separates neighbouring labels."""
    gaps = np.diff(np.log10(places)) / np.log10(high / low)
    lengths = np.array([len(_plain(value)) for value in places])
    return bool(np.all(gaps > DIGIT * ((lengths[1:] + lengths[:-1]) / 2 + 1.5)))


def _plain(value: float) -> str:
    return f"{value:.8f}".rstrip("0").rstrip(".")
