"""Every number printed in the seven answers and their summary occurs in findings.json.

Numbers are taken from the text of the composed report without links (citations, figures, tables,
formulas), headings and code. Numbers that a template holds as text (constants of the theory, `95 %`) are
known by reading the template; every other must be that of a finding which the template names.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from planted import plant
from printed_numbers import Language, held_numbers, plain

from study.datasets import FASHION_MNIST
from study.report.locale.messages import TEMPLATES, languages, read_words
from study.report.text.length import Length

if TYPE_CHECKING:
    from conftest import Composer

_PARTS = ("preface", *(f"q{number}" for number in range(1, 8)), "summary")
_NAMED = re.compile(r'"((?:q\d|witness|confusion|design)(?:\.[\w.]+)?)"')


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with every side experiment, and with a test of each contrast."""
    return plant(tmp_path_factory.mktemp("planted"), seeds=5, trials=4)


def _parts(html: str) -> dict[str, str]:
    """The preface, the answers and the summary as plain text."""
    section = html[html.index('id="sec-5"') : html.index("</section>", html.index('id="sec-5"'))]
    preface, *answers = re.split(r"<h2\b.*?</h2>", section, flags=re.S)
    start = html.index('id="tab-summary"')
    texts = [preface.partition("</h1>")[2], *answers, html[start : html.index("</table>", start)]]
    return {name: plain(text) for name, text in zip(_PARTS, texts, strict=True)}


def _known(findings: list[dict[str, Any]], template: str, language: Language) -> set[str]:
    """The numbers of the findings that a template names, as they may be printed."""
    prefixes = {prefix.rstrip(".") for prefix in _NAMED.findall(template)} | {"design"}
    return {
        printed
        for finding in findings
        if any(finding["id"] == p or finding["id"].startswith(f"{p}.") for p in prefixes)
        for printed in language.printed("", finding["numbers"])
    }


def _constants(name: str, lang: str, language: Language) -> set[str]:
    """Numbers that the template and what it imports hold as text, and the number of classes."""
    files = [TEMPLATES / lang / "answers" / f"{name}.html", TEMPLATES / lang / "answers" / "_claims.html"]
    held = held_numbers([path.read_text(encoding="utf-8") for path in files], language)
    return held | {str(len(FASHION_MNIST.classes))}


@pytest.mark.parametrize("lang", languages())
@pytest.mark.parametrize("seeds", [3, 5])
def test_every_number_of_the_answers_is_a_finding(
    seeds: int, lang: str, whole: Path, planted: Path, composer: Composer
) -> None:
    folder = whole if seeds == 3 else planted
    findings = json.loads((folder / "findings.json").read_text(encoding="utf-8"))["findings"]
    language = Language(read_words(lang))
    checked = 0
    for name, text in _parts(composer.of(lang)(folder)).items():
        template = (TEMPLATES / lang / "answers" / f"{name}.html").read_text(encoding="utf-8")
        known = _known(findings, template, language)
        constants = _constants(name, lang, language)
        shown = language.numbers(text)
        assert [number for number in shown if number not in known | constants] == [], name
        checked += sum(number in known - constants for number in shown)
    assert checked > 100


@pytest.mark.parametrize("lang", languages())
def test_every_number_of_the_short_answers_is_a_finding(
    lang: str, planted: Path, composer: Composer
) -> None:
    html = composer.of(lang)(planted, length=Length.SHORT)
    start = html.index('<ol class="num">')
    items = html[start : html.index("</ol>", start)].split("<li>")[1:]
    files = (TEMPLATES / lang / "answers" / "brief.html", TEMPLATES / "networks.html")
    templates = [path.read_text(encoding="utf-8") for path in files]
    findings = json.loads((planted / "findings.json").read_text(encoding="utf-8"))["findings"]
    language = Language(read_words(lang))
    known = _known(findings, "".join(templates), language)
    shown = [language.numbers(plain(item)) for item in items]
    assert len(items) == 7
    for numbers in shown:
        assert len(numbers) >= 2 and set(numbers) <= known | _constants("brief", lang, language)
