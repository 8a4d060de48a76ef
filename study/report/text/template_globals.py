"""Collects the filters, tests and names that every template may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from study.networks import NETWORKS
from study.report.data.derived import Reading, gap
from study.report.data.incidents import Incidents
from study.report.data.listings import read_listings
from study.report.data.report_data import ReportData
from study.report.data.rerun_command import repeat_flags
from study.report.figures import font_is_missing
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers, as_float
from study.report.text.cross_references import CONTENTS_PLACE, SOURCES_PLACE, appendix, cite, refer, total

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
    """Returns values and functions by their name in templates."""

    def init_words(model: str) -> str:
        """Returns words for the source of a network's pre-trained weights, for captions."""
        source = data.sources.get(model) or "none"
        return str(words.init_source.get(source, words.init_source["other"]))

    return {
        "data": data,
        "descriptor": NETWORKS,
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
