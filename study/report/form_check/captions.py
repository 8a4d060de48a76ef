"""Rule 8, and of rule 13 the listings, on a finished PDF: captions, their numbers, mentions before them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from study.report.form_check.pdf import CENTRE, LEADING, LEFT, Line, Page, Pdf
from study.report.locale.messages import Words

#: `3`, or `A.3` with the letter of an appendix in any alphabet.
NUMBER = r"(?:\d+|[^\W\d_]\.\d+)"


@dataclass(frozen=True, kw_only=True)
class Caption:
    """kind is `figure`, `table` or `listing`, word what the report calls it."""

    kind: str
    word: str
    number: str
    page: int
    lines: tuple[Line, ...]
    before: str

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def rule(self) -> int:
        return 13 if self.kind == "listing" else 8

    @property
    def place(self) -> str:
        return f"rule {self.rule}, page {self.page}: {self.word} {self.number}"


class _Patterns:
    """How captions and mentions look in one language."""

    def __init__(self, words: Words) -> None:
        form = words.form
        self.kinds = {form[kind]: kind for kind in ("figure", "table", "listing")}
        names = "|".join(map(re.escape, self.kinds))
        short = "|".join(rf"{pattern} ?\d" for pattern in form["abbreviated"])
        self.caption = re.compile(rf"^({names}) ({NUMBER}) – (\S.*)$")
        self.malformed = re.compile(rf"^(?:(?:{names}) {NUMBER}\s*[-—.:]|{short})")
        numbers = rf"{NUMBER}(?:(?:\s*[,–]\s*|\s+{form['and']}\s+){NUMBER})*"
        self.mention = {
            kind: re.compile(rf"(?i){form['mention'][kind]}\s+({numbers})") for kind in self.kinds.values()
        }
        self.abbreviation = words.unit["pp"]


def check_captions(pdf: Pdf, words: Words) -> list[str]:
    """Form, order and earlier mention of every figure and table."""
    patterns = _Patterns(words)
    problems = [
        f"rule 8, page {page.number}: {line.text[:40]!r} needs «N – name»"
        for page in pdf.pages[1:]
        for position, line in enumerate(page.lines)
        if not (line.bold or line.size < 12 or _is_running(page, position))
        and patterns.malformed.match(line.text)
    ]
    captions = find_captions(pdf, words)
    problems += _order(captions)
    mentions = _Mentions(pdf, patterns)
    for caption in captions:
        problems += _form(caption, patterns.abbreviation) + mentions.problems(caption)
        if caption.kind == "figure" and not _stands_under(caption, pdf.pages[caption.page - 1]):
            problems.append(f"{caption.place} has no picture above it")
    return problems


def find_captions(pdf: Pdf, words: Words) -> list[Caption]:
    """Captions of figures, tables and listings behind the title page, in their order."""
    patterns = _Patterns(words)
    return [
        _caption(page, position, patterns.kinds[match[1]], match[1], match[2])
        for page in pdf.pages[1:]
        for position, line in enumerate(page.lines)
        if not (line.bold or line.size < 12 or _is_running(page, position))
        and (match := patterns.caption.match(line.text))
    ]


def _stands_under(caption: Caption, page: Page) -> bool:
    y = caption.lines[0].y
    return any(y - 45 < thing.bottom <= y + 2 and thing.top < y - 15 for thing in page.drawn)


def _is_running(page: Page, position: int) -> bool:
    """Whether a neighbour stands at the leading of running text: a sentence may begin `Table 3`."""
    line = page.lines[position]
    near = page.lines[max(0, position - 1) : position] + page.lines[position + 1 : position + 2]
    return any(
        abs(abs(other.y - line.y) - LEADING) < 0.3 and abs(other.size - line.size) < 0.2 for other in near
    )


def _caption(page: Page, position: int, kind: str, word: str, number: str) -> Caption:
    """The caption with its further lines, which follow at less than the leading of the text."""
    lines = [page.lines[position]]
    for line in page.lines[position + 1 :]:
        if line.y - lines[-1].y > 19 or abs(line.size - lines[0].size) > 0.5:
            break
        lines.append(line)
    earlier = " ".join(line.text for line in page.lines[:position])
    return Caption(
        kind=kind, word=word, number=number, page=page.number, lines=tuple(lines), before=earlier
    )


def _form(caption: Caption, abbreviation: str) -> list[str]:
    place = caption.place
    problems = []
    if caption.text.endswith(".") and not caption.text.endswith(abbreviation):
        problems.append(f"{place} ends with a dot")
    if any(line.hyphenated for line in caption.lines):
        problems.append(f"rule 3, page {caption.page}: the caption of {caption.number} is hyphenated")
    if caption.kind == "figure" and any(abs(line.centre - CENTRE) > 3 for line in caption.lines):
        problems.append(f"{place} is not centred")
    if caption.kind != "figure" and abs(caption.lines[0].x0 - LEFT) > 1:
        problems.append(f"{place} does not begin at the left")
    return problems


def _order(captions: list[Caption]) -> list[str]:
    """Numbers run 1, 2, 3 … within each kind, and within each appendix."""
    problems = []
    counts: dict[tuple[str, str], int] = {}
    for caption in captions:
        letter, _, digits = caption.number.rpartition(".")
        key = (caption.kind, letter)
        counts[key] = counts.get(key, 0) + 1
        if int(digits) != counts[key]:
            problems.append(f"{caption.place} stands where number {counts[key]} is due")
            counts[key] = int(digits)
    return problems


class _Mentions:
    """Which numbers the running text names, by page."""

    def __init__(self, pdf: Pdf, patterns: _Patterns) -> None:
        self._mention = patterns.mention
        caption = patterns.caption
        self._pages = {
            page.number: _joined([line for line in page.lines if not caption.match(line.text)])
            for page in pdf.pages
        }

    def problems(self, caption: Caption) -> list[str]:
        """A mention must stand on the caption's page above it, or on the page before."""
        mention = self._mention[caption.kind]
        same = _named(_joined_text(caption.before), mention)
        previous = self._pages.get(caption.page - 1, "")
        # A mention torn over the page break is seen by joining both pages.
        near = _named(_joined_text(f"{previous} {caption.before}"), mention)
        if caption.number in same | near:
            return []
        earlier = " ".join(text for number, text in self._pages.items() if number < caption.page)
        if caption.number not in _named(earlier, mention):
            return [f"{caption.place} is not mentioned before it stands"]
        # An appendix names all its listings in one place.
        far = caption.kind != "listing"
        return [f"{caption.place} stands more than a page behind its mention"] * far


def _joined(lines: list[Line]) -> str:
    return _joined_text(" ".join(line.text for line in lines))


def _joined_text(text: str) -> str:
    return re.sub("[\u2010\u00ad] ", "", text)


def _named(text: str, mention: re.Pattern[str]) -> set[str]:
    """Numbers behind the word of one kind: `figures 3 and 4`, `tables 5–7`."""
    found: set[str] = set()
    for numbers in mention.findall(text):
        found |= set(re.findall(NUMBER, numbers))
        for low, high in re.findall(r"(\d+)–(\d+)", numbers):
            found |= {str(n) for n in range(int(low), int(high) + 1)}
    return found
