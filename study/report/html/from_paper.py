"""Turns what was composed for paper into the form of the screen: headings, pictures, tables, listings."""

from __future__ import annotations

import re

from lxml.html import HtmlElement
from lxml.html.builder import E

from study.report.html.elements import replace_in_texts, wrap

#: Parts that only the PDF needs: marks of pagination, widths of columns, table of contents.
_PAPER = (
    ".//div[@class='before'] | .//colgroup | .//section[@class='contents'] | .//comment()"
    " | .//span[starts-with(@id, 'line-')]"
)
_SIZE = re.compile(r"width:([\d.]+)(mm|pt);height:([\d.]+)(?:mm|pt)")
_ADDRESS = re.compile(r"https?://[^\s<]+")
#: Points in a unit; font size of the printed text in points, which is 1 rem on the screen; and pixels in
#: a rem.
_POINTS = {"mm": 72 / 25.4, "pt": 1.0}
_TEXT_POINTS = 14.0
_ROOT_PIXELS = 16


def adapt(main: HtmlElement) -> None:
    """Changes the text in place."""
    _drop_paper(main)
    _headings(main)
    _pictures(main)
    _tables(main)
    _listings(main)
    addresses = main.xpath(".//ol[@class='sources']//text()")
    replace_in_texts(
        addresses, _ADDRESS, lambda match: E.a(match[0], {"href": match[0], "rel": "noreferrer"})
    )


def _drop_paper(main: HtmlElement) -> None:
    for extra in main.xpath(_PAPER):
        extra.drop_tree()
    for number in main.xpath(".//*[starts-with(@id, 'number-')]"):
        del number.attrib["id"]
    for heading in main.xpath(".//*[starts-with(@style, 'bookmark-label')]"):
        del heading.attrib["style"]


def _headings(main: HtmlElement) -> None:
    """Moves all headings one level down, below the title of the page, each into a line of its own."""
    for level in (3, 2, 1):
        for heading in list(main.iter(f"h{level}")):
            heading.tag = f"h{level + 1}"
    for heading in main.xpath(".//h2[@id] | .//h3[@id]"):
        kind = heading.get("class") or ""
        text = heading.text or ""
        if kind.startswith("plain"):
            heading.text = text.capitalize()
        elif kind == "appendix":
            first, space, rest = text.partition(" ")
            heading.text = first.capitalize() + space + rest
        wrap(heading, E.div({"class": "headline"}))


def _pictures(main: HtmlElement) -> None:
    """Gives every picture its size in rem and pixels, known before it loads, and figures a card."""
    for image in list(main.iter("img")):
        size = _SIZE.fullmatch(image.get("style") or "")
        if size:
            unit = _POINTS[size[2]] / _TEXT_POINTS
            width, height = float(size[1]) * unit, float(size[3]) * unit
            image.set("style", f"width:{width:.2f}rem")
            image.set("width", str(round(width * _ROOT_PIXELS)))
            image.set("height", str(round(height * _ROOT_PIXELS)))
        if image.getparent().tag == "figure":
            wrap(image, E.div({"class": "card"}))


def _tables(main: HtmlElement) -> None:
    """Puts every table into a frame that scrolls and has the caption as its name."""
    for box in main.xpath(".//div[starts-with(@id, 'tab-')]"):
        table = box.find("table")
        kind = " ".join(name for name in (table.get("class") or "").split() if name != "fixed")
        table.set("class", kind)
        wrap(table, E.div({"class": f"scroll {kind}".strip(), **_named(box), "tabindex": "0"}))
        _heads(table)


def _named(box: HtmlElement) -> dict[str, str]:
    """Returns the attributes of a frame that its caption names."""
    caption = f"caption-{box.get('id')}"
    box.find("p").set("id", caption)
    return {"role": "group", "aria-labelledby": caption}


def _heads(table: HtmlElement) -> None:
    """Marks column heads as such; heads above numbers are aligned to the right like the numbers."""
    heads = table.xpath("./thead//th")
    rows = [row for row in table.xpath("./tbody/tr") if len(row) == len(heads)]
    kinds = [cell.get("class") for cell in rows[0]] if rows else [None] * len(heads)
    for head, kind in zip(heads, kinds, strict=True):
        head.set("scope", "col")
        if kind == "n":
            head.set("class", "n")
        for part in head.iter():
            part.text = (part.text or "").replace(", ", ",\u00a0")
            if part is not head:
                part.tail = (part.tail or "").replace(", ", ",\u00a0")


def _listings(main: HtmlElement) -> None:
    for box in main.xpath(".//div[starts-with(@id, 'lst-')]"):
        code = box.find("pre")
        for name, value in {**_named(box), "tabindex": "0"}.items():
            code.set(name, value)
