"""Checks rule 8, and rule 13 for listings, on a finished PDF: captions, their numbers and mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import CENTRE, LEADING, LEFT, Line, Page, Pdf, join_lines
from study.report.form_check.problem import Problem
from study.report.locale.messages import Words

#: `3`, or `A.3` with the letter of an appendix in any alphabet.
NUMBER = r"(?:\d+|[^\W\d_]\.\d+)"


@dataclass(frozen=True, kw_only=True)
class Caption:
    """The caption of a figure, a table or a listing."""

    kind: str
    """`figure`, `table` or `listing`."""
    word: str
    """What the report calls the kind."""
    number: str
    """`3`, or `A.3` in an appendix."""
    page: int
    """Page of the PDF, counted from 1."""
    lines: tuple[Line, ...]
    """The lines on which the caption stands."""
    before: str
    """The text above the caption on its page."""

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)


class _Patterns:
    """Holds the patterns of captions and of their mentions in one language."""

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


def check_captions(context: FormContext) -> Iterator[Problem]:
    """Checks rule 8: form, order, place and earlier mention of the captions of figures and tables."""
    malformed = _Patterns(context.words).malformed
    for page, position in _separate_lines(context.pdf):
        text = page.lines[position].text
        if malformed.match(text):
            yield Problem(8, page.number, f"{text[:40]!r} needs «N – name»")
    yield from _check_kinds(8, ("figure", "table"), context)


def check_listing_captions(context: FormContext) -> Iterator[Problem]:
    """Checks the same for listings, which stand in appendices and belong to rule 13."""
    yield from _check_kinds(13, ("listing",), context)


def find_captions(context: FormContext) -> list[Caption]:
    """Finds the captions of figures, tables and listings behind the title page, in their order."""
    patterns = _Patterns(context.words)
    return [
        _caption(page, position, patterns.kinds[match[1]], match[1], match[2])
        for page, position in _separate_lines(context.pdf)
        if (match := patterns.caption.match(page.lines[position].text))
    ]


def _separate_lines(pdf: Pdf) -> Iterator[tuple[Page, int]]:
    """Yields page and position of the lines that can begin a caption: not bold, not small, not running."""
    for page in pdf.pages[1:]:
        for position, line in enumerate(page.lines):
            if not (line.bold or line.size < 12 or _is_running(page, position)):
                yield page, position


def _is_running(page: Page, position: int) -> bool:
    """Tells whether a neighbour stands at the leading of running text: a sentence may begin `Table 3`."""
    line = page.lines[position]
    near = page.lines[max(0, position - 1) : position] + page.lines[position + 1 : position + 2]
    return any(
        abs(abs(other.y - line.y) - LEADING) < 0.3 and abs(other.size - line.size) < 0.2 for other in near
    )


def _caption(page: Page, position: int, kind: str, word: str, number: str) -> Caption:
    """Returns the caption with its further lines, which follow at less than the leading of the text."""
    lines = [page.lines[position]]
    for line in page.lines[position + 1 :]:
        if line.y - lines[-1].y > 19 or abs(line.size - lines[0].size) > 0.5:
            break
        lines.append(line)
    before = join_lines(line.text for line in page.lines[:position])
    return Caption(kind=kind, word=word, number=number, page=page.number, lines=tuple(lines), before=before)


def _check_kinds(rule: int, kinds: tuple[str, ...], context: FormContext) -> Iterator[Problem]:
    patterns = _Patterns(context.words)
    texts = {
        page.number: join_lines(line.text for line in page.lines if not patterns.caption.match(line.text))
        for page in context.pdf.pages
    }
    last: dict[tuple[str, str], int] = {}
    for caption in find_captions(context):
        if caption.kind not in kinds:
            continue
        # Numbers run 1, 2, 3 … within each kind, and within each appendix.
        letter, _, digits = caption.number.rpartition(".")
        expected = last.get((caption.kind, letter), 0) + 1
        last[caption.kind, letter] = int(digits)
        messages: list[str] = []
        if int(digits) != expected:
            messages.append(f"stands where number {expected} is due")
        messages += _form_messages(caption, context)
        messages += _mention_messages(caption, texts, patterns.mention[caption.kind])
        for message in messages:
            yield Problem(rule, caption.page, f"{caption.word} {caption.number} {message}")


def _form_messages(caption: Caption, context: FormContext) -> Iterator[str]:
    if caption.text.endswith(".") and not caption.text.endswith(context.words.unit["pp"]):
        yield "ends with a dot"
    if caption.kind != "figure":
        if abs(caption.lines[0].x0 - LEFT) > 1:
            yield "does not begin at the left"
        return
    if any(abs(line.centre - CENTRE) > 3 for line in caption.lines):
        yield "is not centred"
    y = caption.lines[0].y
    drawn = context.pdf.pages[caption.page - 1].drawn
    if not any(y - 45 < thing.bottom <= y + 2 and thing.top < y - 15 for thing in drawn):
        yield "has no picture above it"


def _mention_messages(
    caption: Caption, texts: Mapping[int, str], mention: re.Pattern[str]
) -> Iterator[str]:
    """Checks that a mention stands on the caption's page above it, or on the page before.

    Args:
        caption: what is mentioned.
        texts: number of each page and its text without captions.
        mention: finds the mentions of the caption's kind.
    """
    # A mention torn over the page break is seen by joining both pages.
    joined = join_lines([texts.get(caption.page - 1, ""), caption.before])
    if caption.number in _mentioned(caption.before, mention) | _mentioned(joined, mention):
        return
    earlier = " ".join(text for number, text in texts.items() if number < caption.page)
    if caption.number not in _mentioned(earlier, mention):
        yield "is not mentioned before it stands"
    elif caption.kind != "listing":  # an appendix mentions all its listings in one place
        yield "stands more than a page behind its mention"


def _mentioned(text: str, mention: re.Pattern[str]) -> set[str]:
    """Returns the numbers behind the word of one kind: `figures 3 and 4`, `tables 5–7`."""
    found: set[str] = set()
    for numbers in mention.findall(text):
        found |= set(re.findall(NUMBER, numbers))
        for low, high in re.findall(r"(\d+)–(\d+)", numbers):
            found |= {str(n) for n in range(int(low), int(high) + 1)}
    return found
