"""Converts pictures for Word: SVG becomes PNG, since older versions of Word show nothing else."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from html import escape

import pypdfium2
from lxml.html import HtmlElement

from study.errors import ReportError

DPI = 240
#: Prints HTML as PDF.
Print = Callable[[str], bytes]
_VECTOR = "data:image/svg+xml"


def read_pictures(root: HtmlElement, print_pages: Print) -> dict[str, bytes]:
    """Returns the PNG of every picture of the text by its `src`.

    Vector pictures are printed by the report's own PDF printer, each on a page of its size, and the pages
    are rendered at 240 dpi, so that they look as in the PDF.

    Args:
        root: the HTML text, whose pictures are data: addresses.
        print_pages: prints HTML as PDF.

    Raises:
        ReportError: a picture has no size, or was not printed on exactly one page.
    """
    found: dict[str, bytes] = {}
    vectors: dict[str, tuple[str, str]] = {}
    for image in root.iter("img"):
        source = image.get("src") or ""
        if source.startswith(_VECTOR):
            vectors[source] = (size(image, "width"), size(image, "height"))
        elif source.startswith("data:"):
            found[source] = base64.b64decode(source.partition(",")[2])
    return found | _printed(vectors, print_pages, root.get("lang") or "")


def size(image: HtmlElement, side: str) -> str:
    """Returns the printed width or height with its unit, from the style of the image.

    Args:
        image: the `<img>` element.
        side: `width` or `height`.

    Raises:
        ReportError: the style has no such size.
    """
    match = re.search(rf"\b{side}:\s*([\d.]+(?:mm|pt))", image.get("style") or "")
    if match is None:
        raise ReportError(f"a picture of the report has no {side}")
    return match[1]


def _printed(vectors: dict[str, tuple[str, str]], print_pages: Print, lang: str) -> dict[str, bytes]:
    if not vectors:
        return {}
    rules, pictures = "", ""
    for number, (source, (width, height)) in enumerate(vectors.items()):
        rules += f"@page p{number}{{size:{width} {height};margin:0}}"
        pictures += (
            f'<div style="page:p{number}"><img alt="." src="{escape(source)}" '
            f'style="display:block;width:{width};height:{height}"></div>'
        )
    text = (
        f'<!DOCTYPE html><html lang="{escape(lang)}"><head><meta charset="utf-8"><title>.</title>'
        f"<style>{rules}html{{font-size:1pt}}body{{margin:0}}</style></head><body>{pictures}</body></html>"
    )
    document = pypdfium2.PdfDocument(print_pages(text))
    if len(document) != len(vectors):
        raise ReportError(f"{len(vectors)} pictures were printed on {len(document)} pages")
    return {source: _png(document[number]) for number, source in enumerate(vectors)}


def _png(page: pypdfium2.PdfPage) -> bytes:
    buffer = io.BytesIO()
    page.render(scale=DPI / 72).to_pil().save(buffer, "png", dpi=(DPI, DPI))
    return buffer.getvalue()
