"""The fifteen rules of form of ГОСТ 7.32 and departmental custom, checked on the finished PDF.

Here stand rules 1–4 and 15; the others have files of their own. What each rule looks at and what it
leaves to a person is written in `study.report.form_check.rules`.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

from study.report.form_check.appendices import check_appendices
from study.report.form_check.captions import check_captions
from study.report.form_check.citations import check_citations
from study.report.form_check.formulas import check_formulas
from study.report.form_check.headings import check_contents, check_headings, find_headings
from study.report.form_check.lists import check_lists
from study.report.form_check.numerals import check_marks
from study.report.form_check.pdf import (
    BOTTOM,
    CENTRE,
    INDENT,
    LEADING,
    LEFT,
    RIGHT,
    TOP,
    Line,
    Page,
    Pdf,
    read_pdf,
)
from study.report.form_check.tables import check_tables
from study.report.locale.messages import Words

BODY_SIZE = 14.0
_SERIF = re.compile(r"(?i)liberation-?serif|times-?new-?roman")
_MONO = re.compile(r"(?i)liberation-?mono")
_NEAR = 1.0


def check_pdf(path: Path, words: Words, *, flat: bool = False) -> list[str]:
    """Problems of the form `rule N, page P: …`, empty for a report in good form.

    Args:
        path: the PDF.
        words: those of the report's language.
        flat: main sections need not begin a page.
    """
    return check_document(read_pdf(path), words, flat=flat)


def check_document(pdf: Pdf, words: Words, *, flat: bool = False) -> list[str]:
    """The same of a PDF that was read already."""
    if not pdf.pages:
        return ["rule 1, page 1: the document has no pages"]
    headings = find_headings(pdf)
    problems: list[str] = []
    for page in pdf.pages:
        problems += check_margins(page)
        problems += check_fonts(page)
        problems += check_number(page)
    problems += check_size(pdf)
    ragged = (words.heading["sources"], words.heading["contents"])
    loose = {h.page for h in headings if h.text.startswith(ragged)}
    problems += check_spacing(pdf, loose, words)
    problems += check_headings(pdf, headings, words, flat=flat)
    problems += check_contents(pdf, headings, words.heading["contents"], words.abstract)
    problems += check_captions(pdf, words)
    problems += check_tables(pdf, words)
    problems += check_formulas(pdf, words)
    problems += check_lists(pdf, headings, words)
    problems += check_citations(pdf, headings, words)
    problems += check_appendices(pdf, headings, words)
    problems += check_marks(pdf, headings, words)
    problems += check_title_page(pdf.pages[0], words)
    return problems


def check_margins(page: Page) -> list[str]:
    """Rule 1: A4, and nothing but the page number outside the text block."""
    problems = []
    if abs(page.width - 595.28) > 0.5 or abs(page.height - 841.89) > 0.5:
        problems.append(f"rule 1, page {page.number}: the page is not A4")
    for char in page.chars:
        if not char["text"].strip():
            continue
        baseline = page.height - char["matrix"][5]
        inside = char["x0"] >= LEFT - _NEAR and char["x1"] <= RIGHT + _NEAR
        below = baseline > BOTTOM and not char["text"].isdigit()
        if not inside or char["top"] < TOP - _NEAR or below:
            problems.append(
                f"rule 1, page {page.number}: {char['text']!r} stands at "
                f"x {char['x0']:.1f}…{char['x1']:.1f}, y {char['top']:.1f}, outside the text block"
            )
            break
    if any(x0 < LEFT - 2 or x1 > RIGHT + 2 for x0, x1 in page.images):
        problems.append(f"rule 1, page {page.number}: a picture stands outside the text block")
    return problems


def check_fonts(page: Page) -> list[str]:
    """Rule 2: only the report's fonts, embedded, black."""
    problems = []
    for char in page.chars:
        if not (_SERIF.search(char["fontname"]) or _MONO.search(char["fontname"])):
            problems.append(f"rule 2, page {page.number}: {char['text']!r} is set in {char['fontname']}")
            break
    for char in page.chars:
        colour = char["non_stroking_color"]
        if colour is not None and any(part > 0.01 for part in colour) and char["ncs"] != "DeviceCMYK":
            problems.append(f"rule 2, page {page.number}: {char['text']!r} is not black")
            break
    for name, embedded in page.fonts.items():
        if not embedded:
            problems.append(f"rule 2, page {page.number}: font {name} is not embedded")
    return problems


def check_size(pdf: Pdf) -> list[str]:
    """Rule 2: running text is 14 pt; smaller than 12 pt is an error of its own words."""
    problems = []
    for page in pdf.pages[1:]:
        body = [line for line in page.lines if _is_full(line)]
        sizes = Counter(line.size for line in body)
        wrong = sorted(size for size in sizes if abs(size - BODY_SIZE) > 0.2)
        if wrong:
            problems.append(f"rule 2, page {page.number}: running text of {wrong[0]:.1f} pt, not 14")
    if not any(_is_full(line) for page in pdf.pages[1:] for line in page.lines):
        problems.append("rule 2, page 2: no line of running text fills the width of the block")
    return problems


def check_number(page: Page) -> list[str]:
    """Rule 4: the running number at the bottom centre, none on the title page."""
    if page.number == 1:
        return [f"rule 4, page 1: the title page shows {page.foot[0].text!r}"] if page.foot else []
    if len(page.foot) != 1 or page.foot[0].text != str(page.number):
        shown = " ".join(line.text for line in page.foot) or "nothing"
        return [f"rule 4, page {page.number}: the foot shows {shown!r}, not {page.number}"]
    if abs(page.foot[0].centre - CENTRE) > 2:
        return [f"rule 4, page {page.number}: the page number is not centred"]
    return []


def check_spacing(pdf: Pdf, loose: set[int], words: Words) -> list[str]:
    """Rule 3: leading, paragraph indent, justification, hyphenation of running text.

    Args:
        pdf: the document.
        loose: first pages of the contents and of the list of sources, whose lines are not
            justified; the pages up to the next heading of the first level belong to them.
        words: those of the report's language.
    """
    problems = []
    for page in pdf.pages[1:]:
        ragged = _belongs(pdf, page.number, loose)
        found = _page_spacing(page, ragged=ragged, table=f"{words.form['table']} ")
        problems += found[:1]
    full = [line for page in pdf.pages[1:] for line in page.lines if _is_full(line)]
    if len(full) >= 30 and not any(line.hyphenated for line in full):
        problems.append("rule 3, page 2: running text is not hyphenated")
    return problems


def _page_spacing(page: Page, *, ragged: bool, table: str) -> list[str]:
    problems = []
    for line, following in zip(page.lines, page.lines[1:], strict=False):
        if line.bold or following.bold or line.size < 12 or following.size < 12:
            continue
        caption = line.text.startswith(table) or following.text.startswith(table)
        if abs(following.x0 - LEFT) > _NEAR or caption:
            continue
        step = following.y - line.y
        filled = abs(line.x1 - RIGHT) <= 1.5 and line.x0 < CENTRE
        if filled and 12 < step < 40 and abs(step - LEADING) > 0.3 and not ragged:
            problems.append(f"rule 3, page {page.number}: {step:.2f} pt between baselines, not {LEADING}")
        if abs(step - LEADING) > 0.3 or ragged:
            continue
        if not filled and line.x0 < INDENT + _NEAR and following.x1 > RIGHT - 100:
            problems.append(f"rule 3, page {page.number}: {line.text[-30:]!r} is not justified")
        elif filled and line.x0 > LEFT + _NEAR and abs(line.x0 - INDENT) > _NEAR:
            problems.append(
                f"rule 3, page {page.number}: paragraph indent of {line.x0 - LEFT:.1f} pt, not 35.4"
            )
    return problems


def _belongs(pdf: Pdf, number: int, first_pages: set[int]) -> bool:
    """Whether a page lies in a part that begins on one of first_pages."""
    starts = {
        page.number for page in pdf.pages if page.lines and page.lines[0].bold and page.lines[0].size > 12
    } | {1}
    own = max(start for start in starts if start <= number)
    return own in first_pages


def _is_full(line: Line) -> bool:
    """A line that fills the text block: running text, whatever its size."""
    starts = abs(line.x0 - LEFT) <= _NEAR
    return starts and abs(line.x1 - RIGHT) <= 1.5 and len(line.text) > 40 and "...." not in line.text


def check_title_page(page: Page, words: Words) -> list[str]:
    """Rule 15: what the title page must say and where."""
    text = " ".join(line.text for line in page.lines)
    problems = [
        f"rule 15, page 1: {name} ({pattern}) is missing"
        for name, pattern in words.form["title_page"].items()
        if not re.search(pattern, text)
    ]
    title = words.form["title_page"]["report"]
    report = next((line.y for line in page.lines if re.search(title, line.text)), 0.0)
    above = [line.y for line in page.lines if line.y < report and not line.text.startswith("(")]
    above += [y for x0, x1, y in page.rules if y < report and x1 - x0 > 50]
    if report and sum(b - a > 6 for a, b in pairwise([0.0, *sorted(above)])) < 3:
        problems.append("rule 15, page 1: ministry, university and department need a line each at the top")
    last = page.lines[-1] if page.lines else None
    if last is None or last.y < 700 or not re.search(r"\b\d{4}$", last.text):
        problems.append("rule 15, page 1: city and year do not stand at the bottom")
    return problems
