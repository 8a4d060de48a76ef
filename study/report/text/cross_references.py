"""Numbers figures, tables, formulas, listings and sources, and resolves references to them.

Templates refer to things and place them in any order of evaluation, and a number is known only when the
whole text exists. So templates write tokens of private-use characters, which text from outside cannot
contain (`strip_tokens`), and `Document.resolve` replaces them with numbers and links at the end.
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
#: The number of pages; until they are counted, a placeholder of about the same width.
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
    """Replaces the characters that text from outside must not contain with U+FFFD.

    They are the characters of tokens, those that XML forbids, and those that change the direction of
    writing.
    """
    return _UNWANTED.sub("\ufffd", text)


def refer(kind: str, name: str) -> Markup:
    """Returns a token for the number of `name`; kind is fig, tab, eq or lst."""
    return Markup(f"{_OPEN}ref:{kind}-{name}{_CLOSE}")


def define(kind: str, name: str) -> Markup:
    """Returns a token for the number at the thing itself; the order of these tokens gives the numbers."""
    return Markup(f"{_OPEN}def:{kind}-{name}{_CLOSE}")


def total(kind: str) -> Markup:
    """Returns a token for a total; kind is fig, tab, source, appendix, or pages (of the PDF)."""
    return Markup(f"{_OPEN}total:{kind}{_CLOSE}")


def count_pages(html: str, pages: int) -> str:
    """Returns the text with the number of pages wherever `total("pages")` was used."""
    return _PAGES.sub(f'<span class="pages">{pages}</span>', html)


def cite(*keys: str) -> Markup:
    """Returns a token for the numbers of sources in brackets."""
    return Markup(f"{_OPEN}cite:{' '.join(keys)}{_CLOSE}")


def appendix(letter: str) -> Markup:
    """Returns a token after which figures, tables and listings are numbered with the letter."""
    return Markup(f"{_OPEN}appendix:{letter}{_CLOSE}")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading of the text.

    Attributes:
        level: 1 or 2.
        text: number and text without tags.
        anchor: id of the heading.
        listed: whether the table of contents lists it; false for its own heading and that of the abstract.
    """

    level: int
    text: str
    anchor: str
    listed: bool


@dataclass(kw_only=True)
class Document:
    """Resolves the tokens of a text and keeps what it found.

    Attributes:
        source_texts: HTML of each source by key, from sources.yaml.
        numbers: number of each placed thing by id, for example ``fig-arms``.
        headings: the headings in order.
        cited: keys of the cited sources in order of citation.
        problems: what is wrong with the references.
        appendices: number of appendices.
    """

    source_texts: dict[str, str]
    numbers: dict[str, str] = field(default_factory=dict)
    headings: list[Heading] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    appendices: int = 0

    def resolve(self, html: str) -> str:
        """Returns the HTML with all tokens replaced; `problems` then lists wrong references."""
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
    """Wraps every word that contains an inline element, and the space before it, in a span.

    WeasyPrint 70 breaks the line too early if such a word does not fit: the line then ends after its first
    word (12 of 807 lines of a trial text; none with the span).
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
    """Joins a number and the unit after it with a no-break space, in text between tags."""
    plain = sorted({unit.strip() for unit in units}, key=len, reverse=True)
    unit = re.compile(rf"(?<=\d) (?=(?:{'|'.join(map(re.escape, plain))})(?!\w))")
    return _BETWEEN.sub(lambda match: match[0] if match[1] else unit.sub("\u00a0", match[0]), html)


def keep_signs(html: str) -> str:
    """Joins dashes and arrows to the text before them, and initials to the name, without a break."""
    return _PARAGRAPH.sub(
        lambda paragraph: _BETWEEN.sub(
            lambda text: text[0] if text[1] else _INITIAL.sub("\u00a0", _DASH.sub("\u00a0", text[0])),
            paragraph[0],
        ),
        html,
    )


def _css(text: str) -> str:
    """Escapes a text for a CSS string inside an HTML attribute."""
    return text.replace("\\", "\\\\").replace("\n", " ")
