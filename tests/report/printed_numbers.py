"""Finds the numbers of a text, and tells how a number of a finding may be printed."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from study.report.locale.messages import Words

#: Parts of names of numbers, and with how many decimals the text prints them.
_DIGITS = {"_pp": (2,), "ratio": (1, 2), "cka": (3,), "difference": (3,), "ece": (3,), "lr_decay": (2,)}


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


def plain(html: str) -> str:
    captions = r'<p class="tcaption.*?</p>|<figcaption.*?</figcaption>'
    html = re.sub(rf"{captions}|<code>.*?</code>|<a [^>]*>.*?</a>", " ", html, flags=re.S)
    html = re.sub(r"<sup>", "^", re.sub(r"</(?:td|th|tr|li|p)>", " ", html))
    return unescape(re.sub(r"<[^>]+>", "", html))


def typed_numbers(text: str, language: Language) -> set[str]:
    """Numbers that a template holds as text outside of its expressions."""
    bare = re.sub(r"\{\{.*?\}\}|\{#.*?#\}|\{%.*?%\}", "\u2003", text, flags=re.S)
    return set(language.numbers(plain(bare.replace("&nbsp;", "\u00a0"))))


def held_numbers(texts: list[str], language: Language) -> set[str]:
    """Numbers that templates hold as text, outside of expressions or as text inside of them."""
    held = [re.sub(r"\{\{.*?\}\}|\{#.*?#\}|\{%.*?%\}", "\u2003", text, flags=re.S) for text in texts]
    said = [string for text in texts for string in re.findall(r'"([^"]* [^"]*)"', text)]
    bare = [number for text in texts for number in re.findall(r"\{\{ ([\d.]+)\|num\((\d)\) ", text)]
    written = {language.write(float(value), int(digits)) for value, digits in bare}
    return written | set(language.numbers(plain("\u2003".join([*held, *said]).replace("&nbsp;", "\u00a0"))))
