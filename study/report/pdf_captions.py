"""Rule 8 on a finished PDF: captions, their numbers, and references before them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from study.report.pdf_lines import CENTRE, LEFT, Line, Page, Pdf

_KINDS = {"Рисунок": "рисун", "Таблица": "таблиц"}
_CAPTION = re.compile(r"^(Рисунок|Таблица) (\d+|[А-Я]\.\d+) – (\S.*)$")
_MALFORMED = re.compile(
    r"^(?:(?:Рисунок|Таблица) (?:\d+|[А-Я]\.\d+)\s*[-—.:]|Рис\. ?\d|Табл\. ?\d)"
)
_NUMBER = r"(?:\d+|[А-Я]\.\d+)"


@dataclass(frozen=True, kw_only=True)
class Caption:
    kind: str
    number: str
    page: int
    lines: tuple[Line, ...]
    before: str

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)


def check_captions(pdf: Pdf) -> list[str]:
    """Form, order and earlier mention of every figure and table."""
    problems = []
    captions: list[Caption] = []
    for page in pdf.pages[1:]:
        for position, line in enumerate(page.lines):
            if line.bold or line.size < 12:
                continue
            if _MALFORMED.match(line.text):
                problems.append(f"rule 8, page {page.number}: {line.text[:40]!r} needs «N – name»")
            match = _CAPTION.match(line.text)
            if match:
                captions.append(_caption(page, position, match[1], match[2]))
    problems += _order(captions)
    mentions = _Mentions(pdf)
    for caption in captions:
        problems += _form(caption) + mentions.problems(caption)
    return problems


def _caption(page: Page, position: int, kind: str, number: str) -> Caption:
    """The caption with its further lines, which follow at less than the leading of the text."""
    lines = [page.lines[position]]
    for line in page.lines[position + 1 :]:
        if line.y - lines[-1].y > 19 or abs(line.size - lines[0].size) > 0.5:
            break
        lines.append(line)
    earlier = " ".join(line.text for line in page.lines[:position])
    return Caption(kind=kind, number=number, page=page.number, lines=tuple(lines), before=earlier)


def _form(caption: Caption) -> list[str]:
    place = f"rule 8, page {caption.page}: {caption.kind} {caption.number}"
    problems = []
    if re.search(r"(?<!п\. п)\.$", caption.text):
        problems.append(f"{place} ends with a dot")
    if any(line.hyphenated for line in caption.lines):
        problems.append(
            f"rule 3, page {caption.page}: the caption of {caption.number} is hyphenated"
        )
    if caption.kind == "Рисунок" and any(abs(line.centre - CENTRE) > 3 for line in caption.lines):
        problems.append(f"{place} is not centred")
    if caption.kind == "Таблица" and abs(caption.lines[0].x0 - LEFT) > 1:
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
            problems.append(
                f"rule 8, page {caption.page}: {caption.kind} {caption.number} stands where "
                f"number {counts[key]} is due"
            )
            counts[key] = int(digits)
    return problems


class _Mentions:
    """Which numbers the running text names, by page."""

    def __init__(self, pdf: Pdf) -> None:
        self._pages = {
            page.number: _joined([line for line in page.lines if not _CAPTION.match(line.text)])
            for page in pdf.pages
        }

    def problems(self, caption: Caption) -> list[str]:
        """A mention must stand on the caption's page above it, or on the page before."""
        stem = _KINDS[caption.kind]
        same = _named(_joined_text(caption.before))
        previous = self._pages.get(caption.page - 1, "")
        # A mention torn over the page break is seen by joining both pages.
        near = _named(_joined_text(f"{previous} {caption.before}"))
        if caption.number in same.get(stem, set()) | near.get(stem, set()):
            return []
        place = f"rule 8, page {caption.page}: {caption.kind} {caption.number}"
        earlier = " ".join(text for number, text in self._pages.items() if number < caption.page)
        if caption.number in _named(earlier).get(stem, set()):
            return [f"{place} stands more than a page behind its mention"]
        return [f"{place} is not mentioned before it stands"]


def _joined(lines: list[Line]) -> str:
    return _joined_text(" ".join(line.text for line in lines))


def _joined_text(text: str) -> str:
    return re.sub("[\u2010\u00ad] ", "", text)


def _named(text: str) -> dict[str, set[str]]:
    """Numbers named after words of each stem: «рисунках 3 и 4», «таблицы 5–7»."""
    found: dict[str, set[str]] = {"рисун": set(), "таблиц": set()}
    pattern = rf"(?i)(рисун|таблиц)\w*\s+({_NUMBER}(?:(?:\s*[,–]\s*|\s+и\s+){_NUMBER})*)"
    for stem, numbers in re.findall(pattern, text):
        found[stem.lower()] |= set(re.findall(_NUMBER, numbers))
        for low, high in re.findall(r"(\d+)–(\d+)", numbers):
            found[stem.lower()] |= {str(n) for n in range(int(low), int(high) + 1)}
    return found
