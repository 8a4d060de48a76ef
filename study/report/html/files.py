"""Embeds the tables of the study in the page, as links from which the browser saves them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from lxml.html import HtmlElement
from lxml.html.builder import E

from study.analysis import Analysis
from study.report.locale.messages import Words
from study.store.columns import Table
from study.store.tables import csv_text

CONTRASTS = "contrasts.csv"


def csv_files(analysis: Analysis) -> dict[str, str]:
    """Returns the text of every table that has rows, by the name of its file."""
    frames = {table.file: frame for table, frame in analysis.sources.tables().items()}
    frames = {Table.RESULTS.file: frames.pop(Table.RESULTS.file), CONTRASTS: analysis.contrasts, **frames}
    return {name: csv_text(frame) for name, frame in frames.items() if len(frame)}


def put_files(main: HtmlElement, files: Mapping[str, str], words: Words) -> None:
    """Adds a section with a link for each file; nothing where there are no files."""
    if not files:
        return
    texts = words.screen["files"]
    items = E.ul({"class": "files"})
    for name, text in files.items():
        data = base64.b64encode(text.encode("utf-8")).decode("ascii")
        link = E.a(name, {"download": name, "href": f"data:text/csv;charset=utf-8;base64,{data}"})
        items.append(E.li({"id": f"file-{name.partition('.')[0]}"}, link, f" – {texts[name]}"))
    heading = E.h2(texts["title"], {"class": "plain", "id": "files"})
    main.append(E.section(E.div({"class": "headline"}, heading), E.p(texts["lead"]), items))
