"""Every number printed in the seven answers and their summary occurs in findings.json.

Numbers are taken from the text of the composed report without links (citations, figures, tables,
formulas), headings and code. Numbers that a template holds as text (constants of the theory, `95 %`) are
known by reading the template; every other must be that of a finding which the template names.
"""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from planted import plant

from study.report.locale.messages import TEMPLATES, Words, languages, read_words

if TYPE_CHECKING:
    from conftest import Composer

_PARTS = ("preface", *(f"q{number}" for number in range(1, 8)), "summary")
_NAMED = re.compile(r'"((?:q\d|witness|confusion|design)(?:\.[\w.]+)?)"')
#: Parts of names of numbers, and with how many decimals the text prints them.
_DIGITS = {"_pp": (2,), "ratio": (1, 2), "cka": (3,), "difference": (3,), "ece": (3,), "lr_decay": (2,)}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with every side experiment, and with a test of each contrast."""
    return plant(tmp_path_factory.mktemp("planted"), seeds=5, trials=4)


class Language:
    """How numbers of one language are found in a text and written."""

    def __init__(self, words: Words) -> None:
        self.decimal, self.group = words.decimal, words.group
        mark, group = re.escape(words.decimal), re.escape(words.group)
        whole = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)"
        power = rf"(?:\d+(?:{mark}\d+)?·)?10\^−?\d+"
        number = rf"−?(?:{power}|{whole}(?:{mark}\d+)?)"
        self._number = re.compile(rf"(?<![\w{mark}.-]){number}(?![\w^]|{mark}\d)")

    def numbers(self, text: str) -> list[str]:
        return self._number.findall(text)

    def write(self, value: float, digits: int) -> str:
        text = f"{value:,.{digits}f}"
        if float(text.replace(",", "")) == 0:
            text = text.lstrip("-")
        whole, _, fraction = text.partition(".")
        if len(whole.replace(",", "").lstrip("-")) < 5:
            whole = whole.replace(",", "")
        whole = whole.replace(",", self.group).replace("-", "−")
        return whole + (self.decimal + fraction if fraction else "")

    def printed(self, name: str, value: Any) -> set[str]:
        """How a number of a finding may stand in the text, by its name."""
        if isinstance(value, dict):
            return {text for key, inner in value.items() for text in self.printed(key, inner)}
        if isinstance(value, list):
            return {text for inner in value for text in self.printed(name, inner)}
        if isinstance(value, (bool, str)) or value is None:
            return set()
        if "seconds" in name and "ratio" not in name and not name.endswith("_pp"):
            return self._time(value)
        if name == "adaptation_error":
            mantissa, power = f"{value:.1e}".split("e")
            mantissa = mantissa.removesuffix(".0").replace(".", self.decimal)
            return {f"{mantissa}·10^{int(power)}".replace("-", "−")}
        if name.startswith("p_"):
            return {self.write(max(value, 0.001), 3)}
        for part, digits in _DIGITS.items():
            if part in name:
                return {self.write(value, count) for count in digits}
        whole = value == int(value) or re.search("samples|trainable|parameters|memory", name)
        shares = {self.write(100 * value, digits) for digits in (1, 2)} if abs(value) <= 1 else set()
        return shares | ({self.write(value, 0)} if whole else set())

    def _time(self, value: float) -> set[str]:
        whole = round(value)
        minutes = round(value / 60)
        texts = {self.write(value, 1)} if value < 10 else {str(whole)} if whole < 60 else set()
        if 60 <= whole < 3600:
            texts |= {str(whole // 60), f"{whole % 60:02d}"}
        elif whole >= 3600:
            texts |= {str(minutes // 60), f"{minutes % 60:02d}"}
        return texts


def _parts(html: str) -> dict[str, str]:
    """The preface, the answers and the summary as plain text."""
    section = html[html.index('id="sec-5"') : html.index("</section>", html.index('id="sec-5"'))]
    preface, *answers = re.split(r"<h2\b.*?</h2>", section, flags=re.S)
    start = html.index('id="tab-summary"')
    texts = [preface.partition("</h1>")[2], *answers, html[start : html.index("</table>", start)]]
    return {name: _plain(text) for name, text in zip(_PARTS, texts, strict=True)}


def _plain(html: str) -> str:
    captions = r'<p class="tcaption.*?</p>|<figcaption.*?</figcaption>'
    html = re.sub(rf"{captions}|<code>.*?</code>|<a [^>]*>.*?</a>", " ", html, flags=re.S)
    html = re.sub(r"<sup>", "^", re.sub(r"</(?:td|th|tr|li|p)>", " ", html))
    return unescape(re.sub(r"<[^>]+>", "", html))


def _constants(name: str, lang: str, language: Language) -> set[str]:
    """Numbers that the template and what it imports hold as text."""
    files = [TEMPLATES / lang / "answers" / f"{name}.html", TEMPLATES / lang / "answers" / "_claims.html"]
    texts = [path.read_text(encoding="utf-8") for path in files]
    held = [re.sub(r"\{\{.*?\}\}|\{#.*?#\}|\{%.*?%\}", "\u2003", text, flags=re.S) for text in texts]
    said = [string for text in texts for string in re.findall(r'"([^"]* [^"]*)"', text)]
    bare = [number for text in texts for number in re.findall(r"\{\{ ([\d.]+)\|num\((\d)\) ", text)]
    written = {language.write(float(value), int(digits)) for value, digits in bare}
    text = _plain("\u2003".join([*held, *said]).replace("&nbsp;", "\u00a0"))
    return written | set(language.numbers(text))


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
        prefixes = {prefix.rstrip(".") for prefix in _NAMED.findall(template)} | {"design"}
        known = {
            printed
            for finding in findings
            if any(finding["id"] == p or finding["id"].startswith(f"{p}.") for p in prefixes)
            for printed in language.printed("", finding["numbers"])
        }
        constants = _constants(name, lang, language)
        shown = language.numbers(text)
        assert [number for number in shown if number not in known | constants] == [], name
        checked += sum(number in known - constants for number in shown)
    assert checked > 100
