"""Turns the composed report into one file for the screen, with its own head, style and script.

It works on the HTML as the templates wrote it, before page breaks are found. Text from outside is escaped
there already, so the tags searched for here are always our own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from string import Formatter

from markupsafe import Markup

from study.report.locale.messages import TEMPLATES, Words
from study.report.text.title_page import TitlePage

#: Parts that only the PDF needs: marks of pagination, bookmarks, widths of columns, table of contents.
_PAPER = re.compile(
    r'<div class="before" id="[^"]*"></div>|<!--float-->|<span id="line-[^"]*"></span>'
    r'| id="(?:row|number)-[^"]*"| style="bookmark-label: [^"]*"|<colgroup>.*?</colgroup>'
    r'|<section class="contents">.*?</section>',
    re.DOTALL,
)
_HEADING_TAG = re.compile(r"<(/?)h([1-3])\b")
_HEADING = re.compile(r'<h([23]) class="([\w ]+)" id="([^"]+)">(.*?)</h\1>', re.DOTALL)
_SUBTITLE = ' <span class="subtitle">'
_TAGS = re.compile(r"<[^>]+>")
_SIZE = re.compile(r'style="width:([\d.]+)(mm|pt);height:([\d.]+)(?:mm|pt)"')
_FIGURE_IMAGE = re.compile(r'(<figure id="[^"]*">)(<img [^>]*>)')
_TABLE = re.compile(
    r'id="(tab-[^"]+)"><p class="tcaption">(.*?)</p><table class="([^"]*)">(.*?)<tbody>(.*?)</table>',
    re.DOTALL,
)
_LISTING = re.compile(r'id="(lst-[^"]+)"><p class="tcaption">(.*?)</p>\s*<pre>', re.DOTALL)
_CELL = re.compile(r"<t[dh]\b([^>]*)>")
_SOURCES = re.compile(r'<ol class="sources">.*?</ol>', re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s<]+")
#: Points in a unit; font size of the printed text in points, which is 1 rem on the screen; and pixels in
#: a rem.
_POINTS = {"mm": 72 / 25.4, "pt": 1.0}
_TEXT_POINTS = 14.0
_ROOT_PIXELS = 16


def web_page(html: str, title: TitlePage, words: Words, *, templates: Path = TEMPLATES) -> str:
    """Returns the report as a self-contained page that fetches nothing.

    Args:
        html: the text from `compose`.
        title: fields of the title page; empty ones are left out.
        words: words of the language; `screen` holds the labels of the page.
        templates: folder of screen.html, screen.css and screen.js.
    """
    sections, contents = _sections(html[html.index("<section") : html.index("</body>")])
    script = _read(templates / "screen.js")
    screen = words.screen
    labels = {**screen["labels"], "decimal": words.decimal}
    return _read(templates / "screen.html").format(
        lang=words.lang,
        policy=_policy(script),
        title=words.title,
        css=_read(templates / "screen.css"),
        letters=words.letters,
        skip=screen["skip"],
        header=_header(title, words),
        contents=screen["contents"],
        list=contents,
        labels=Markup("").join(Markup(' data-{}="{}"').format(name, text) for name, text in labels.items()),
        sections=sections,
        script=script,
    )


def _read(path: Path) -> Markup:
    return Markup(path.read_text(encoding="utf-8"))


def _policy(script: str) -> str:
    """Returns a content security policy: nothing is fetched, and only our script runs."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _header(title: TitlePage, words: Words) -> Markup:
    above, below, people = (
        Markup("").join(
            Markup("<span>{}</span>").format(line) for line in _lines(words.screen[place], title)
        )
        for place in ("above", "below", "people")
    )
    return Markup("\n").join(
        form.format(text)
        for form, text in (
            (Markup('<p class="above">{}</p>'), above),
            (Markup("<h1>{}</h1>"), title.lab_title or words.lab_title),
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


def _sections(html: str) -> tuple[Markup, Markup]:
    """Returns the text for the screen, and its table of contents as a nested list."""
    html = _HEADING_TAG.sub(lambda match: f"<{match[1]}h{int(match[2]) + 1}", _PAPER.sub("", html))
    headings: list[tuple[int, str, str]] = []

    def heading(match: re.Match[str]) -> str:
        level, kind, anchor, text = match.groups()
        if kind.startswith("plain"):
            text = text.capitalize()
        elif kind == "appendix":
            first, space, rest = text.partition(" ")
            text = first.capitalize() + space + rest
        plain = _TAGS.sub("", text.replace(_SUBTITLE, ". "))
        headings.append((int(level), anchor, " ".join(plain.split())))
        return f'<h{level} class="{kind}" id="{anchor}">{text}</h{level}>'

    html = _HEADING.sub(heading, html)
    html = _FIGURE_IMAGE.sub(r'\1<div class="card">\2</div>', html)
    html = _SIZE.sub(_size, html)
    html = _TABLE.sub(_table, html)
    html = _LISTING.sub(
        r'id="\1"><p class="tcaption" id="caption-\1">\2</p>'
        r'<pre role="group" aria-labelledby="caption-\1" tabindex="0">',
        html,
    )
    html = _SOURCES.sub(
        lambda match: _ADDRESS.sub(r'<a href="\g<0>" rel="noreferrer">\g<0></a>', match[0]), html
    )
    return Markup(html), _contents(headings)


def _contents(headings: Sequence[tuple[int, str, str]]) -> Markup:
    """Returns a nested list of the headings of sections (level 2) and subsections (level 3)."""
    items = ""
    for place, (level, anchor, text) in enumerate(headings):
        following = headings[place + 1][0] if place + 1 < len(headings) else 2
        items += f'<li><a href="#{anchor}">{text}</a>'
        items += "<ol>" if following > level else "</li>" + "</ol></li>" * (level - following)
    return Markup(f"<ol>{items}</ol>")


def _size(match: re.Match[str]) -> str:
    """Converts a picture's size to rem and pixels, so that both are known before it loads."""
    unit = _POINTS[match[2]] / _TEXT_POINTS
    width, height = float(match[1]) * unit, float(match[3]) * unit
    return (
        f'style="width:{width:.2f}rem" width="{round(width * _ROOT_PIXELS)}" '
        f'height="{round(height * _ROOT_PIXELS)}"'
    )


def _table(match: re.Match[str]) -> str:
    anchor, caption, kind, head, body = match.groups()
    kind = kind.removesuffix("fixed").strip()
    head = _heads(head, body)
    return (
        f'id="{anchor}"><p class="tcaption" id="caption-{anchor}">{caption}</p>'
        f'<div class="scroll {kind}" role="group" aria-labelledby="caption-{anchor}" tabindex="0">'
        f'<table class="{kind}">{head}<tbody>{body}</table></div>'
    )


def _heads(head: str, body: str) -> str:
    """Marks column heads as such; heads above numbers are aligned to the right like the numbers."""
    cells = _CELL.findall(body.partition("</tr>")[0])
    if len(cells) != head.count("<th>"):
        cells = [""] * head.count("<th>")
    for cell in cells:
        kind = ' class="n"' if 'class="n"' in cell else ""
        head = head.replace("<th>", f'<th scope="col"{kind}>', 1)
    return head.replace(", ", ",\u00a0")
