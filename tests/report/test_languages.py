"""Every language is one complete folder: the same files and words, the same things on the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from planted import plant

from study.analysis import analyse
from study.cli import main
from study.report.data.report_data import ReportData
from study.report.form_check.pdf import read_pdf
from study.report.locale.messages import TEMPLATES, languages, read_words

if TYPE_CHECKING:
    from conftest import Built, Composer

_PLACED = re.compile(r'id="((?:fig|tab|eq|lst)-[\w-]+)"')
_OTHERS = [lang for lang in languages() if lang != "ru"]


def _keys(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all keys of a mapping, and of the lengths of its lists."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _keys(inner, f"{path}/{key}")
    else:
        yield f"{path} [{len(value)}]" if isinstance(value, list) else path


def _plain(html: str) -> str:
    html = re.sub(r"<style>.*?</style>|<pre>.*?</pre>", "", html, flags=re.S)
    html = html[: html.index('<ol class="sources">')]
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def _fractions(text: str) -> Counter[str]:
    """Numbers of at least two decimals: all that is measured, versions and sections too."""
    return Counter(re.findall(r"\d+\.\d{2,}", text))


def test_the_languages_of_the_folders_are_those_of_the_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert languages() == ("en", "ru")
    assert main(["report", "--lang", "xx", "--results-dir", str(tmp_path)]) == 2
    assert "'xx'" in capsys.readouterr().err


@pytest.mark.parametrize("lang", _OTHERS)
def test_every_folder_is_complete(lang: str) -> None:
    files = {
        name: {path.relative_to(TEMPLATES / name) for path in (TEMPLATES / name).rglob("*.*")}
        for name in (lang, "ru")
    }
    assert files[lang] == files["ru"]
    for name in ("words.yaml", "sources.yaml"):
        known, expected = (
            yaml.safe_load((TEMPLATES / folder / name).read_text(encoding="utf-8"))
            for folder in (lang, "ru")
        )
        if name == "words.yaml":
            assert sorted(_keys(known)) == sorted(_keys(expected))
        else:
            assert list(known) == list(expected)
    assert read_words(lang).lang == lang


@pytest.mark.parametrize("lang", _OTHERS)
@pytest.mark.parametrize("seeds", [1, 5])
def test_the_same_data_put_the_same_things_and_numbers_on_the_page(
    lang: str, seeds: int, tmp_path: Path, composer: Composer
) -> None:
    data = ReportData.of(analyse(plant(tmp_path, seeds=seeds, trials=4)))
    drawings = composer.draw(data)
    theirs = composer.of(lang)(data, drawings=drawings)
    ours = composer(data, drawings=drawings)
    assert _PLACED.findall(theirs) == _PLACED.findall(ours)
    assert len(_PLACED.findall(ours)) > 40
    assert _fractions(_plain(theirs)) == _fractions(_plain(ours).replace(",", "."))


def test_english_report_is_in_good_form(english: Built) -> None:
    assert english.problems == ()
    assert english.pages >= 18


def test_no_cyrillic_letter_is_left_in_the_english_report(english: Built) -> None:
    lines = [line.text for page in read_pdf(english.pdf).pages for line in (*page.lines, *page.foot)]
    assert "Pre-trained Neural Networks" in " ".join(lines)
    assert not [line for line in lines if re.search("[\u0400-\u04ff]", line)]
    screen = re.sub(r"<(style|script)>.*?</\1>|data:[^\"]*", "", english.html, flags=re.S)
    assert not re.findall("[\u0400-\u04ff]+", screen)


def test_one_seed_claims_nothing_in_english(english: Built) -> None:
    text = _plain(english.html)
    assert "one training run, interval undefined" in text
    results = text.partition("Results and Analysis")[2].partition("Conclusion")[0]
    assert results and "significant" not in results


def test_the_english_page_has_the_answers_and_filters_too(english: Built) -> None:
    counts = {'class="answers"': 1, 'class="more"': 7, 'class="scores"': 1}
    assert {mark: english.html.count(mark) for mark in counts} == counts
    assert english.html.count('data-seed="') == 7  # six arms and the champion
    assert 'class="number"' in english.html
    assert english.html.count('class="fold"') > 15
