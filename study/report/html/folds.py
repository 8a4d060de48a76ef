"""Marks what a narrow screen shows folded: long tables and listings, sources, method, answers in full.

In the file everything is unfolded, so that a reader without scripts has the whole text; the script folds
it on a phone. A folded part is a `details` element: the search of the browser opens it, and it is printed.
"""

from __future__ import annotations

from lxml.html import HtmlElement
from lxml.html.builder import E

from study.report.html.elements import wrap
from study.report.locale.messages import Words

#: The most rows of a table and lines of a listing that are never folded.
_ROWS = 7
_LINES = 6
#: The first of them that the text has stands in the chapter of results; the chapters before it are folded.
_RESULTS = ("tab-champion", "tab-arms")


def mark_folds(main: HtmlElement, words: Words) -> None:
    """Changes the text in place."""
    texts = words.screen["fold"]
    for box in main.xpath(".//div[starts-with(@id, 'tab-')][div]"):
        count = len(box.xpath(".//tbody/tr[not(th[@scope='rowgroup'])]"))
        if count > _ROWS:
            wrap(box.find("div"), _fold(texts["table"].format(count=count), f"caption-{box.get('id')}"))
    for box in main.xpath(".//div[starts-with(@id, 'lst-')]"):
        code = box.find("pre")
        count = len(code.text_content().strip().splitlines())
        if count > _LINES:
            wrap(code, _fold(texts["code"].format(count=count), str(code.get("aria-labelledby"))))
    for sources in main.xpath(".//ol[@class='sources']"):
        wrap(sources, _fold(texts["sources"].format(count=len(sources)), ""))
    for section in (*_before_results(main), *_answers_in_full(main)):
        for line in section.xpath("./div[@class='headline'][h3]"):
            _fold_subsection(line, _fold(texts["section"], str(line[0].get("id"))))


def _fold(label: str, described_by: str) -> HtmlElement:
    named = {"aria-describedby": described_by} if described_by else {}
    return E.details({"class": "fold", "open": ""}, E.summary(label, named))


def _before_results(main: HtmlElement) -> list[HtmlElement]:
    for name in _RESULTS:
        results = main.xpath(f".//section[.//div[@id='{name}']]")
        if results:
            return list(results[0].xpath("./preceding-sibling::section[@class='numbered']"))
    return []


def _answers_in_full(main: HtmlElement) -> list[HtmlElement]:
    """Returns the chapter to whose subsections the cards of the answers lead."""
    links = main.xpath(".//ul[@class='answers']//a[@class='more']/@href")
    return list(main.xpath(f".//section[.//h3[@id='{links[0][1:]}']]")) if links else []


def _fold_subsection(line: HtmlElement, fold: HtmlElement) -> None:
    """Moves what stands between the line of a heading and the next one into a fold."""
    content = []
    for element in line.itersiblings():
        if element.get("class") == "headline":
            break
        content.append(element)
    if content:
        line.addnext(fold)
        fold.extend(content)
