"""Numbers and references of figures, tables, formulas, listings and sources.

Templates mention and place things in any order of evaluation; a number is known only when the
whole text exists. So templates write tokens of private-use characters, which no user text can
contain (`strip_tokens`), and `Document.resolve` turns them into numbers and links at the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape

from markupsafe import Markup, escape

from study.report.form_check.problem import Problem

_OPEN, _CLOSE = "\ue000", "\ue001"
_TOKEN = re.compile(f"{_OPEN}([a-z]+):([^{_CLOSE}]*){_CLOSE}")
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ue000-\uf8ff"
    "\ufdd0-\ufdef\ufffe\uffff]"
)
_HEADING = re.compile(r'<h([12]) class="(plain|plain unlisted|numbered|appendix)">(.*?)</h\1>', re.DOTALL)
_TAGS = re.compile(r"<[^>]+>")
#: Where the number of pages stands, or until they are counted, one as wide.
_PAGES = re.compile(r'<span class="pages">\d+</span>')
_RUN = re.compile(r"[ \n]((?:</?(?:a|i|sub|sup|code)\b[^>]*>|[^ \t\n\r<>])+)")
#: Text between two tags, but not code and style sheets.
_BETWEEN = re.compile(r"(?s)<(style|script|pre|code)\b.*?</\1>|>[^<]+(?=<)")
_PARAGRAPH = re.compile(r"(?s)<(p|li)\b.*?</\1>")
_DASH = re.compile(r"\s(?=[–—→]\s)")
_INITIAL = re.compile(r"(?<=\b[A-ZА-ЯЁ]\.)\s(?=[A-ZА-ЯЁ])")
_INLINE = re.compile(r"<(/?)(a|i|sub|sup|code)\b")

SOURCES_PLACE = Markup(f"{_OPEN}sources:{_CLOSE}")
CONTENTS_PLACE = Markup(f"{_OPEN}contents:{_CLOSE}")


def strip_tokens(text: str) -> str:
    """Text from outside without characters that tokens are made of, that no XML may hold, or that turn
    the direction of what follows them."""
    return _UNWANTED.sub("\ufffd", text)


def refer(kind: str, name: str) -> Markup:
    """Stands for the number of `name`; kind is fig, tab, eq or lst."""
    return Markup(f"{_OPEN}ref:{kind}-{name}{_CLOSE}")


def define(kind: str, name: str) -> Markup:
    """Stands for the number where the thing itself stands; the order of these gives numbers."""
    return Markup(f"{_OPEN}def:{kind}-{name}{_CLOSE}")


def total(kind: str) -> Markup:
    """Stands for how many there are: fig, tab, source, appendix, and pages of the PDF."""
    return Markup(f"{_OPEN}total:{kind}{_CLOSE}")


def count_pages(html: str, pages: int) -> str:
    """The text with the number of its pages, wherever `total("pages")` stands."""
    return _PAGES.sub(f'<span class="pages">{pages}</span>', html)


def cite(*keys: str) -> Markup:
    return Markup(f"{_OPEN}cite:{' '.join(keys)}{_CLOSE}")


def appendix(letter: str) -> Markup:
    """From here on numbers of figures, tables and listings begin with the letter."""
    return Markup(f"{_OPEN}appendix:{letter}{_CLOSE}")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """listed is false for the headings of the contents themselves and of the abstract."""

    level: int
    text: str
    anchor: str
    listed: bool


@dataclass(kw_only=True)
class Document:
    """What resolving found: headings, numbers, order of sources, and what is wrong."""

    source_texts: dict[str, str]
    numbers: dict[str, str] = field(default_factory=dict)
    headings: list[Heading] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    appendices: int = 0

    def resolve(self, html: str) -> str:
        """HTML with all tokens replaced; `problems` names what is cited but absent, and so on."""
        html = _HEADING.sub(self._heading, html)
        self._count(html)
        html = _TOKEN.sub(self._replace, html)
        return html.replace(f"{_OPEN}sources{_CLOSE}", self._source_list()).replace(
            f"{_OPEN}contents{_CLOSE}", self._contents()
        )

    def _heading(self, match: re.Match[str]) -> str:
        level, kind, inner = int(match[1]), match[2], match[3].strip()
        tops = sum(1 for h in self.headings if h.level == 1 and h.anchor.startswith("sec-"))
        number = ""
        if kind == "numbered":
            section = tops + 1 if level == 1 else tops
            subs = sum(1 for h in self.headings if h.anchor.startswith(f"sec-{section}-"))
            number = f"{section}" if level == 1 else f"{section}.{subs + 1}"
        anchor = f"sec-{number.replace('.', '-')}" if number else f"part-{len(self.headings)}"
        plain = unescape(_TAGS.sub(" ", _TOKEN.sub("", inner)))
        text = " ".join(f"{number} {plain}".split())
        contents = match.string[match.end() :].lstrip().startswith(CONTENTS_PLACE)
        listed = not contents and kind != "plain unlisted"
        self.headings.append(Heading(level=level, text=text, anchor=anchor, listed=listed))
        label = escape(text)
        prefix = f"{number} " if number else ""
        bookmark = f"bookmark-label: &quot;{_css(label)}&quot;"
        return f'<h{level} class="{kind}" id="{anchor}" style="{bookmark}">{prefix}{inner}</h{level}>'

    def _count(self, html: str) -> None:
        letter = ""
        counts: dict[str, int] = {}
        first_reference: dict[str, int] = {}
        for match in _TOKEN.finditer(html):
            kind, value = match[1], match[2]
            if kind == "appendix":
                letter, counts = value, {}
                self.appendices += 1
            elif kind == "ref":
                first_reference.setdefault(value, match.start())
            elif kind == "cite":
                for key in value.split():
                    if key not in self.source_texts:
                        message = f"source {key} is cited but not in sources.yaml"
                        self.problems.append(Problem(None, None, message))
                    elif key not in self.cited:
                        self.cited.append(key)
            elif kind == "def":
                if value in self.numbers:
                    self.problems.append(Problem(None, None, f"{value} stands twice"))
                    continue
                family = value.split("-")[0]
                counts[family] = counts.get(family, 0) + 1
                self.numbers[value] = f"{letter}.{counts[family]}" if letter else str(counts[family])
                if value not in first_reference and family != "eq":
                    message = f"{value} stands before any reference to it"
                    self.problems.append(Problem(8, None, message))
        for value in first_reference:
            if value not in self.numbers:
                message = f"{value} is referred to but does not stand anywhere"
                self.problems.append(Problem(8, None, message))

    def _replace(self, match: re.Match[str]) -> str:
        kind, value = match[1], match[2]
        if kind == "ref":
            number = self.numbers.get(value, "?")
            return f'<a href="#{value}">{number}</a>' if value in self.numbers else number
        if kind == "def":
            return self.numbers[value]
        if kind == "cite":
            places = sorted(self.cited.index(key) + 1 for key in value.split() if key in self.cited)
            links = ", ".join(f'<a href="#source-{place}">{place}</a>' for place in places)
            return f"[{links}]"
        if kind == "total":
            return self._total(value)
        if kind in ("sources", "contents"):
            return f"{_OPEN}{kind}{_CLOSE}"
        return ""

    def _total(self, kind: str) -> str:
        if kind == "pages":
            return '<span class="pages">00</span>'
        if kind == "source":
            return str(len(self.cited))
        if kind == "appendix":
            return str(self.appendices)
        return str(sum(1 for name in self.numbers if name.startswith(f"{kind}-")))

    def _source_list(self) -> str:
        items = "".join(
            f'<li id="source-{place}">{self.source_texts[key]}</li>'
            for place, key in enumerate(self.cited, start=1)
        )
        return f'<ol class="sources">{items}</ol>'

    def _contents(self) -> str:
        return "".join(
            f'<p class="level{h.level}"><a href="#{h.anchor}">{escape(h.text)}</a></p>'
            for h in self.headings
            if h.listed
        )


def keep_together(html: str) -> str:
    """Wrap every word that holds an inline element into a span, with the space before it.

    WeasyPrint 70 goes back too far when such a word does not fit: the line before it then
    ends after its first word (12 of 807 lines of a trial text; none with the span).
    """

    def wrap(match: re.Match[str]) -> str:
        run = match[1]
        tags = _INLINE.findall(run)
        opened: list[str] = []
        for closing, name in tags:
            if not closing:
                opened.append(name)
            elif not opened or opened.pop() != name:
                return match[0]
        return match[0] if opened or not tags else f"<span> {run}</span>"

    return _RUN.sub(wrap, html.replace("&nbsp;", "\u00a0"))


def keep_units(html: str, units: Sequence[str]) -> str:
    """A number and the unit behind it joined by a no-break space, between tags."""
    plain = sorted({unit.strip() for unit in units}, key=len, reverse=True)
    unit = re.compile(rf"(?<=\d) (?=(?:{'|'.join(map(re.escape, plain))})(?!\w))")
    return _BETWEEN.sub(lambda match: match[0] if match[1] else unit.sub("\u00a0", match[0]), html)


def keep_signs(html: str) -> str:
    """No line of a paragraph begins with a dash or an arrow, and initials stay with their name."""
    return _PARAGRAPH.sub(
        lambda paragraph: _BETWEEN.sub(
            lambda text: text[0] if text[1] else _INITIAL.sub("\u00a0", _DASH.sub("\u00a0", text[0])),
            paragraph[0],
        ),
        html,
    )


def _css(text: str) -> str:
    """Text inside a CSS string inside an HTML attribute."""
    return text.replace("\\", "\\\\").replace("\n", " ")
