"""Turns the composed report into one file for the screen, with its own head, style and scripts.

It works on the HTML as the templates wrote it, before page breaks are found.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from string import Formatter

from lxml.html import HtmlElement
from markupsafe import Markup

from study.report.html.brief import put_answers_first
from study.report.html.elements import inner, parse, plain
from study.report.html.files import put_files
from study.report.html.folds import mark_folds
from study.report.html.from_paper import adapt
from study.report.html.row_links import link_numbers
from study.report.html.run_filters import mark_runs
from study.report.locale.messages import TEMPLATES, Words
from study.report.text.title_page import TitlePage

#: Scripts of the page below `templates/screen/`; the first one runs before anything is shown.
_EARLY = "stored_theme.js"
_SCRIPTS = (
    "page.js",
    "contents.js",
    "theme.js",
    "folds.js",
    "copy.js",
    "zoom.js",
    "tables.js",
    "previews.js",
)


def web_page(
    html: str,
    title: TitlePage,
    words: Words,
    *,
    files: Mapping[str, str] | None = None,
    templates: Path = TEMPLATES,
) -> str:
    """Returns the report as a self-contained page that fetches nothing.

    Args:
        html: the text from `compose`.
        title: fields of the title page; empty ones are left out.
        words: words of the language; `screen` holds the labels of the page.
        files: texts of the tables that a reader can save, by file name.
        templates: folder of screen.html, screen.css and the scripts.
    """
    main = _main(html, words, files or {})
    contents = _contents(main)
    early = _read(templates / "screen" / _EARLY)
    script = Markup("").join(_read(templates / "screen" / name) for name in _SCRIPTS)
    screen = words.screen
    labels = {**screen["labels"], "decimal": words.decimal, "group": words.group}
    labels |= {f"filter-{name}": text for name, text in screen["filters"].items()}
    return _read(templates / "screen.html").format(
        lang=words.lang,
        policy=_policy(early, script),
        title=words.work["title"],
        css=_read(templates / "screen.css"),
        letters=words.letters,
        skip=screen["skip"],
        header=_header(title, words),
        contents=screen["contents"],
        list=contents,
        labels=Markup("").join(Markup(' data-{}="{}"').format(name, text) for name, text in labels.items()),
        sections=inner(main),
        early=early,
        script=script,
    )


def _main(html: str, words: Words, files: Mapping[str, str]) -> HtmlElement:
    """Returns the sections of the text in the form of the screen."""
    main = parse(html[html.index("<section") : html.index("</body>")])
    adapt(main)
    put_answers_first(main, words)
    mark_runs(main, words)
    link_numbers(main, words)
    mark_folds(main, words)
    put_files(main, files, words)
    return main


def _read(path: Path) -> Markup:
    return Markup(path.read_text(encoding="utf-8"))


def _policy(*scripts: str) -> str:
    """Returns a content security policy: nothing is fetched, and only our scripts run."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    sources = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {sources}; base-uri 'none'; form-action 'none'"
    )


def _header(title: TitlePage, words: Words) -> Markup:
    lines = words.screen["above"], words.work["below"], [*words.work["people"], *words.screen["people"]]
    above, below, people = (
        Markup("").join(Markup("<span>{}</span>").format(line) for line in _lines(forms, title))
        for forms in lines
    )
    return Markup("\n").join(
        form.format(text)
        for form, text in (
            (Markup('<p class="above">{}</p>'), above),
            (Markup("<h1>{}</h1>"), title.lab_title or words.work["name"]),
            (Markup('<p class="below">{}</p>'), below),
            (Markup('<p class="people">{}</p>'), people),
        )
        if text
    )


def _lines(forms: Sequence[str], title: TitlePage) -> list[str]:
    """Returns the formatted lines of which all fields are filled in."""
    given = asdict(title)
    return [
        form.format(**given)
        for form in forms
        if all(given[name] for _, name, _, _ in Formatter().parse(form) if name)
    ]


def _contents(main: HtmlElement) -> Markup:
    """Returns a nested list of the headings of sections (level 2) and subsections (level 3)."""
    headings = [(int(heading.tag[1]), heading) for heading in main.xpath(".//h2[@id] | .//h3[@id]")]
    items = Markup("")
    for place, (level, heading) in enumerate(headings):
        following = headings[place + 1][0] if place + 1 < len(headings) else 2
        items += Markup('<li><a href="#{}">{}</a>').format(heading.get("id"), _title(heading))
        items += (
            Markup("<ol>") if following > level else Markup("</li>" + "</ol></li>" * (level - following))
        )
    return Markup("<ol>{}</ol>").format(items)


def _title(heading: HtmlElement) -> str:
    """Returns the text of a heading; a full stop parts an appendix from its subtitle."""
    subtitle = heading.find("span[@class='subtitle']")
    if subtitle is None:
        return plain(heading)
    below = plain(subtitle)
    return f"{plain(heading).removesuffix(below).rstrip()}. {below}"
