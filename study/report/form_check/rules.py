"""Lists the rules of form: what is checked of each, what is left to a person, and by which code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from study.report.form_check.appendices import check_appendices
from study.report.form_check.captions import check_captions, check_listing_captions
from study.report.form_check.citations import check_citations
from study.report.form_check.contents import check_contents
from study.report.form_check.context import FormContext
from study.report.form_check.fonts import check_fonts, check_text_size
from study.report.form_check.formulas import check_formulas
from study.report.form_check.heading_form import check_section_headings, check_structural_headings
from study.report.form_check.lists import check_lists
from study.report.form_check.numerals import check_numerals
from study.report.form_check.page_geometry import check_page_geometry, check_page_numbers
from study.report.form_check.problem import Problem
from study.report.form_check.running_text import (
    WIDEST_SPACE,
    check_hyphenation,
    check_spacing,
    check_word_spaces,
)
from study.report.form_check.tables import check_table_captions, check_tables
from study.report.form_check.title_page import check_title_page
from study.report.locale.messages import Words


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of ГОСТ 7.32-2017 or of departmental custom."""

    number: int
    """Number of the rule, from 1."""
    checks: tuple[Callable[[FormContext], Iterator[Problem]], ...]
    """Functions that find the problems of this rule and of no other."""
    checked: str
    """What the program checks in a report of any language."""
    checked_with_comma: str = ""
    """What it also checks where the language writes a decimal comma."""
    not_checked: str = ""
    """What only a person can judge; empty for nothing."""

    def check(self, context: FormContext) -> Iterator[Problem]:
        """Yields the problems of a report."""
        return chain.from_iterable(check(context) for check in self.checks)

    def checked_in(self, words: Words) -> str:
        """Returns what the program checks in a report of this language."""
        if self.checked_with_comma and words.decimal == ",":
            return f"{self.checked_with_comma}; {self.checked}"
        return self.checked


RULES: tuple[Rule, ...] = (
    Rule(
        number=1,
        checks=(check_page_geometry,),
        checked="A4; letters, pictures and tables inside the margins of 30, 15, 20 and 20 mm",
        not_checked="shapes inside vector figures",
    ),
    Rule(
        number=2,
        checks=(check_fonts, check_text_size),
        checked="Liberation Serif or Times New Roman of 14 pt, code in Liberation Mono; black; embedded",
    ),
    Rule(
        number=3,
        checks=(check_spacing, check_hyphenation),
        checked="24.15 pt between baselines, indent of 12.5 mm, justified, hyphenated; "
        "no hyphen in headings and captions",
    ),
    Rule(
        number=4,
        checks=(check_page_numbers,),
        checked="page numbers at the bottom in the middle, none on the title page",
    ),
    Rule(
        number=5,
        checks=(check_structural_headings,),
        checked="structural headings: there, capitals, centred, bold, no dot, no line, a new page",
    ),
    Rule(
        number=6,
        checks=(check_section_headings,),
        checked="section headings: indent, no dot, not at the bottom of a page",
    ),
    Rule(
        number=7,
        checks=(check_contents,),
        checked="contents: every heading with its page, leaders, indent; bookmarks",
    ),
    Rule(
        number=8,
        checks=(check_captions, check_table_captions),
        checked="captions: form, place, number, no dot, mentioned before and near",
        not_checked="whether the name says what is shown",
    ),
    Rule(
        number=9,
        checks=(check_tables,),
        checked="tables: head on every page, continuation caption, borders, heads of columns and rows",
        not_checked="the singular of heads",
    ),
    Rule(
        number=10,
        checks=(check_formulas,),
        checked="formulas: centred, numbered in order at the right margin; the line below",
        not_checked="formulas without a number",
    ),
    Rule(
        number=11,
        checks=(check_lists,),
        checked="lists: marker and order of every item",
    ),
    Rule(
        number=12,
        checks=(check_citations,),
        checked="citations in order of first appearance; every source listed and cited",
        not_checked="whether an entry follows ГОСТ Р 7.0.100-2018 and names its source rightly",
    ),
    Rule(
        number=13,
        checks=(check_listing_captions, check_appendices),
        checked="appendices: letter, title, new page, mentioned; captions of listings",
        not_checked="whether a mention is in the right place",
    ),
    Rule(
        number=14,
        checks=(check_numerals,),
        checked="no line begins with the unit of a number",
        checked_with_comma="decimal comma (Russian)",
        not_checked="a comma inside figures drawn as pictures",
    ),
    Rule(
        number=15,
        checks=(check_title_page,),
        checked="title page: lines at the top, work, course, student, teacher, city and year",
        not_checked="whether names are right; a blank line stands for what was not given",
    ),
    Rule(
        number=16,
        checks=(check_word_spaces,),
        checked=f"no space between two words of a justified line is wider than {WIDEST_SPACE} em",
        not_checked="lines of the contents and of the list of sources, which are not justified",
    ),
)
