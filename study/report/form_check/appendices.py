"""Rule 13 on a finished PDF: the order of appendices, their headings, their mention in the text."""

from __future__ import annotations

import re

from study.report.form_check.captions import find_captions
from study.report.form_check.headings import Heading, check_structural, pages_of
from study.report.form_check.pdf import Pdf
from study.report.locale.messages import Words


def check_appendices(pdf: Pdf, headings: list[Heading], words: Words) -> list[str]:
    """Rule 13 but for the captions of listings, which `check_captions` reads with all others."""
    name = words.heading["appendix"]
    letters = words.form["appendix_letters"].split()
    found = [heading for heading in headings if heading.text.startswith(name)]
    if not found:
        return [f"rule 13, page {len(pdf.pages)}: there is no heading {name} {letters[0]}"]
    problems = []
    shown: list[tuple[str, int]] = []
    for heading, due in zip(found, letters, strict=False):
        place = f"rule 13, page {heading.page}"
        letter, _, title = heading.text.removeprefix(name).strip().partition(" ")
        if letter.rstrip(".") != due:
            problems.append(f"{place}: appendix {letter} stands where {due} is due")
        if not title:
            problems.append(f"{place}: appendix {letter} has no title")
        problems += check_structural(pdf, heading, 13)
        if letter not in _mentioned(pdf, headings, heading.page, words):
            problems.append(f"{place}: appendix {letter} is not mentioned in the text before it")
        shown.append((letter, heading.page))
    for caption in find_captions(pdf, words):
        letter = next((own for own, page in reversed(shown) if page <= caption.page), "")
        if letter and not caption.number.startswith(f"{letter}."):
            problems.append(
                f"rule 13, page {caption.page}: {caption.word} {caption.number} stands in appendix {letter}"
            )
    return problems


def _mentioned(pdf: Pdf, headings: list[Heading], end: int, words: Words) -> set[str]:
    """Letters of the appendices that the text before page `end` names."""
    contents = pages_of(pdf, headings, words.heading["contents"])
    text = " ".join(
        line.text
        for page in pdf.pages[1 : end - 1]
        if page.number not in contents
        for line in page.lines
        if not line.bold
    )
    text = re.sub("[\u2010\u00ad] ", "", text)
    letter = "[" + "".join(words.form["appendix_letters"].split()) + r"]\b"
    several = rf"{letter}(?:(?:\s*,\s*|\s+{words.form['and']}\s+){letter})*"
    lists = re.findall(rf"(?i:{words.form['mention']['appendix']})\s+({several})", text)
    return {one for found in lists for one in re.findall(letter, found)}
