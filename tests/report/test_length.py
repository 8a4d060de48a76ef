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


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("ru", "обучение с весами ImageNet (они недоступны, пункты 3 и 4 задания выполнены частично)"),
        ("en", "training from ImageNet weights (they could not be had, so items 3 and 4"),
    ],
)
def test_what_was_not_done_stands_in_the_introduction(whole: Path, lang: str, said: str) -> None:
    sections = _composed(whole, lang, Length.SHORT).html.split("<section")
    introduction = next(text for text in sections if '<ol class="num">' in text)
    conclusion = [text for text in sections if 'weights="IMAGENET1K_V1"' in text and "<pre>" not in text]
    assert said in introduction
    assert len(conclusion) == 1 and conclusion[0].count('weights="IMAGENET1K_V1"') == 1


def test_the_sample_is_short_and_in_good_form(tmp_path: Path) -> None:
    (tmp_path / "defence.pdf").write_bytes(b"of an earlier report")
    result = build_report(analyse(_SAMPLE), tmp_path, length=Length.SHORT)
    assert result.problems == ()
    assert 18 <= result.pages <= 23
    assert not (tmp_path / "defence.pdf").exists()
