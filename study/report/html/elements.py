"""Parses, builds and prints HTML elements; lxml knows the tags, this module what it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from lxml.html import HtmlElement, HTMLParser, fragment_fromstring, tostring
from markupsafe import Markup, escape


def parse(html: str) -> HtmlElement:
    """Returns the elements of a text as children of one `main`."""
    return fragment_fromstring(html, create_parent="main", parser=HTMLParser(huge_tree=True))


def inner(element: HtmlElement) -> Markup:
    """Returns the HTML of an element's content."""
    text = str(escape(element.text or ""))
    return Markup(text + "".join(tostring(child, encoding="unicode") for child in element))


def plain(element: HtmlElement) -> str:
    """Returns the text of an element with single spaces."""
    return " ".join(str(element.text_content()).split())


def wrap(element: HtmlElement, around: HtmlElement) -> HtmlElement:
    """Puts another element in the place of an element, and the element at the end of that one."""
    around.tail, element.tail = element.tail, None
    element.getparent().replace(element, around)
    around.append(element)
    return around


def move_content(source: HtmlElement, target: HtmlElement) -> HtmlElement:
    """Moves text and children of an element behind those of another one, which is returned."""
    if len(target):
        target[-1].tail = (target[-1].tail or "") + (source.text or "")
    else:
        target.text = (target.text or "") + (source.text or "")
    target.extend(list(source))
    return target


def replace_in_texts(
    texts: Iterable[Any], pattern: re.Pattern[str], make: Callable[[re.Match[str]], HtmlElement | None]
) -> None:
    """Replaces what matches in texts by elements.

    Args:
        texts: texts as XPath finds them, each of which knows its element.
        pattern: what is replaced.
        make: returns the new element; None leaves the match as it is.
    """
    for text in list(texts):
        pieces: list[tuple[str, HtmlElement]] = []
        end = 0
        for match in pattern.finditer(text):
            made = make(match)
            if made is not None:
                pieces.append((text[end : match.start()], made))
                end = match.end()
        if pieces:
            _put(text, pieces, str(text[end:]))


def _put(text: Any, pieces: list[tuple[str, HtmlElement]], rest: str) -> None:
    """Puts pairs of a text and the element behind it in the place of a text, and the rest at the end."""
    beside = text.getparent()
    holder, place = beside, 0
    if text.is_tail:
        beside.tail = pieces[0][0]
        holder = beside.getparent()
        place = holder.index(beside) + 1
    else:
        beside.text = pieces[0][0]
    tails = [before for before, _ in pieces[1:]] + [rest]
    for offset, ((_, made), tail) in enumerate(zip(pieces, tails, strict=True)):
        made.tail = tail
        holder.insert(place + offset, made)
