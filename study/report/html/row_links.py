"""Links a number in the text to the row of a table where it stands: a reader sees where it is from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement
from lxml.html.builder import E

from study.report.html.elements import replace_in_texts
from study.report.locale.messages import Words

#: Texts that are searched: sentences, items and the answers; not captions, links, code and sources.
_TEXTS = (
    ".//text()[ancestor::p or ancestor::li or ancestor::dd]"
    "[not(ancestor::a or ancestor::code or ancestor::ol[@class='sources']"
    " or ancestor::p[contains(@class, 'caption')])]"
)
#: A number of fewer digits, leading zeros aside, stands in too many places by chance.
_DIGITS = 3
#: The answers repeat numbers of other tables.
_NOT_FROM = "tab-summary"


def link_numbers(main: HtmlElement, words: Words) -> None:
    """Links every number with two or more decimals that stands in exactly one row of a table.

    Where several tables have the number, the first one counts, because the tables of the results precede
    those of single runs.
    """
    number = _pattern(words)
    rows = _rows(main, number)
    counted = re.compile(rf"(?:{words.form['section']})\s$")

    def link(match: re.Match[str]) -> HtmlElement | None:
        row = rows.get(match[0])
        if not row or counted.search(match.string, 0, match.start()):
            return None
        return E.a(match[0], {"class": "number", "href": f"#{row}"})

    replace_in_texts(main.xpath(_TEXTS), number, link)


def _pattern(words: Words) -> re.Pattern[str]:
    point = re.escape(words.decimal)
    return re.compile(rf"(?<![\d.,·])[+\u2212]?\d{{1,3}}{point}\d{{2,}}(?!\d|[.,]\d|·)")


def _rows(main: HtmlElement, number: re.Pattern[str]) -> dict[str, str]:
    """Returns the id of the only row with a number in its first table; empty for a number of several."""
    known: dict[str, str] = {}
    for box in main.xpath(f".//div[starts-with(@id, 'tab-')][@id != '{_NOT_FROM}']"):
        found: dict[str, set[str]] = {}
        for row in box.xpath(".//tbody/tr[@id]"):
            for text in _numbers(row, number):
                found.setdefault(text, set()).add(str(row.get("id")))
        for text, ids in found.items():
            known.setdefault(text, ids.pop() if len(ids) == 1 else "")
    return known


def _numbers(row: HtmlElement, number: re.Pattern[str]) -> Iterator[str]:
    for cell in row:
        for match in number.finditer(cell.text_content()):
            if len(re.sub(r"\D", "", match[0]).lstrip("0")) >= _DIGITS:
                yield match[0]
