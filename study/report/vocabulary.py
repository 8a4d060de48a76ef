"""The filters and names that every template may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from study.report.context import ReportData
from study.report.document import CONTENTS_PLACE, SOURCES_PLACE, appendix, cite, refer, total
from study.report.figures import font_is_missing
from study.report.incidents import Incidents
from study.report.listings import read_listings
from study.report.numbers import Numbers, as_float
from study.report.reading import Reading, gap
from study.report.repeating import repeat_flags
from study.report.words import Words

_FILTERS = (
    "num",
    "signed",
    "percent",
    "share",
    "pp",
    "interval",
    "integer",
    "millions",
    "seconds",
    "rate",
    "plural",
)


def filters(numbers: Numbers, words: Words) -> dict[str, Callable[..., Any]]:
    found = {name: getattr(numbers, name) for name in _FILTERS}
    return {**found, "reason": lambda text: words.reason.get(text, text)}


def tests() -> dict[str, Callable[..., bool]]:
    return {"known": lambda value: as_float(value) is not None}


def names(data: ReportData, words: Words) -> dict[str, Any]:
    """Values and functions by the name templates call them."""

    def init_words(model: str) -> str:
        """Where the pre-trained weights of a network came from, for captions."""
        source = data.sources.get(model) or "none"
        return str(words.init_source.get(source, words.init_source["other"]))

    return {
        "data": data,
        "reading": Reading(data),
        "incidents": Incidents(data),
        "gap": gap,
        "findings": data.findings,
        "words": words,
        "cite": cite,
        "appendix": appendix,
        "total": total,
        "fig": lambda name: refer("fig", name),
        "tab": lambda name: refer("tab", name),
        "eq": lambda name: refer("eq", name),
        "listing": lambda name: refer("lst", name),
        "listings": read_listings(),
        "repeat_flags": repeat_flags(data),
        "font_missing": font_is_missing,
        "contents_place": CONTENTS_PLACE,
        "sources_place": SOURCES_PLACE,
        "init_words": init_words,
        "resolution_words": lambda: words.resolution.format(size=data.resolution or "–"),
    }
