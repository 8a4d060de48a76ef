"""One look for every figure: the report's font, black-and-white legible arms, SVG or PNG out."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from study.report.words import Words

FONT = "Liberation Serif"
#: Width of the text block in inches (165 mm): figures stand in the report at their true size.
TEXT_WIDTH = 6.5
DPI = 240

#: init → colour, line style and fill; scope and policy → marker. Colour is never the only sign.
_INIT = {
    "pretrained": {"color": "#12436d", "linestyle": "-", "filled": True},
    "scratch": {"color": "#b4530a", "linestyle": "--", "filled": False},
}
_CELL = {"frozen": "s", "full-uniform": "o", "full-discriminative": "^"}
INK = "#12436d"
SECOND_INK = "#b4530a"
GREY = "#8a8a8a"


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A finished figure: bytes of `media` (image/svg+xml or image/png), printed size in mm."""

    data: bytes
    media: str
    width_mm: float
    height_mm: float

    @property
    def suffix(self) -> str:
        return ".svg" if self.media.endswith("svg+xml") else ".png"


def font_is_missing() -> bool:
    """True where the report's font is not installed and figures fall back to another."""
    try:
        findfont(FONT, fallback_to_default=False)
    except ValueError:
        return True
    return False


@contextmanager
def look() -> Iterator[None]:
    """The style sheet, active inside the block only."""
    settings: Any = {
        **sns.axes_style("whitegrid"),
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
        "svg.fonttype": "none",  # real text: searchable, and the PDF is written faster
        "svg.hashsalt": "study",
        "axes.unicode_minus": True,
        "hatch.linewidth": 0.7,
        "figure.constrained_layout.h_pad": 0.04,
        "figure.constrained_layout.w_pad": 0.04,
    }
    with matplotlib.rc_context(settings):
        yield


def canvas(
    height: float, columns: int = 1, rows: int = 1, width: float = TEXT_WIDTH, **keywords: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of the given size in inches and its axes in reading order."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **keywords)
    return figure, list(axes.ravel())


def svg(figure: Figure) -> Drawing:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _drawing(buffer, "image/svg+xml", figure)


def png(figure: Figure) -> Drawing:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return _drawing(buffer, "image/png", figure)


def _drawing(buffer: io.BytesIO, media: str, figure: Figure) -> Drawing:
    width, height = (25.4 * inches for inches in figure.get_size_inches())
    return Drawing(data=buffer.getvalue(), media=media, width_mm=width, height_mm=height)


def arm_look(key: str) -> dict[str, Any]:
    """Line and marker of an arm named by its key, for example `pretrained-full-uniform`."""
    init, _, cell = key.partition("-")
    look_of_init = _INIT[init]
    return {
        "color": look_of_init["color"],
        "linestyle": look_of_init["linestyle"],
        "marker": _CELL[cell],
        "markerfacecolor": look_of_init["color"] if look_of_init["filled"] else "white",
        "markeredgecolor": look_of_init["color"],
    }


def arm_handle(key: str, words: Words) -> Line2D:
    return Line2D([], [], label=words.arm_short[key], **arm_look(key))


def ticks(numbers: Callable[[str], str]) -> FuncFormatter:
    """Tick labels with the local decimal mark and minus."""
    return FuncFormatter(lambda value, _: numbers(f"{value:.6g}"))


def log_ticks(axes: Axes, numbers: Callable[[str], str]) -> None:
    """A logarithmic horizontal axis whose few labels never meet, however narrow its range."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    decades = math.log10(high / low)
    steps = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: numbers(f"{value:.8f}".rstrip("0").rstrip(".")))
    )
    axes.xaxis.set_minor_formatter(NullFormatter())
