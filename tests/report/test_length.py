"""The short form of the report: what it leaves out, and that nothing speaks of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from printing import blank_drawing

from study.analysis import analyse
from study.report.build import build_report
from study.report.data.report_data import ReportData
from study.report.figures import figure_names
from study.report.locale.messages import languages, read_words
from study.report.locale.number_format import Numbers
from study.report.text.compose import Composition, compose
from study.report.text.length import FULL_TABLES, SHORT_FIGURES, Length
from study.report.text.title_page import TitlePage

_SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "results"
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


def _composed(results: Path, lang: str, length: Length) -> Composition:
    """The composed report with an empty picture for every figure that there is."""
    data = ReportData.of(analyse(results))
    words = read_words(lang, data.models)
    blank = blank_drawing(_SVG, "image/svg+xml")
    names = [name for name in figure_names() if not name.startswith("gradcam")]
    numbers, title = Numbers.of(words), TitlePage(year="2031")
    return compose(data, dict.fromkeys(names, blank), words, numbers, title, lang=lang, length=length)


@pytest.mark.parametrize("lang", languages())
def test_nothing_speaks_of_what_is_left_out(whole: Path, lang: str) -> None:
    found = _composed(whole, lang, Length.SHORT)
    assert found.problems == ()
    assert set(re.findall(r'<figure id="fig-([\w-]+)"', found.html)) == SHORT_FIGURES
    assert not FULL_TABLES & set(re.findall(r'id="tab-([\w-]+)"', found.html))
    assert "Appendix&nbsp;B" not in found.html and "Appendix\u00a0B" not in found.html
    assert "приложени" not in found.html or "\u00a0Б" not in found.html


@pytest.mark.parametrize("lang", languages())
def test_the_long_form_has_everything(whole: Path, lang: str) -> None:
    found = _composed(whole, lang, Length.FULL)
    assert found.problems == ()
    assert set(re.findall(r'id="tab-([\w-]+)"', found.html)) >= FULL_TABLES - {"first-conv"}


def test_the_sample_is_short_and_in_good_form(tmp_path: Path) -> None:
    result = build_report(analyse(_SAMPLE), tmp_path, length=Length.SHORT)
    assert result.problems == ()
    assert 18 <= result.pages <= 25
