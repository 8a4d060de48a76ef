"""Numbers in the form of a language: decimal mark, minus, groups, a dash for what is absent."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.report.locale.messages import read_words
from study.report.locale.number_format import Numbers

NUMBERS = Numbers.of(read_words("ru"))
ENGLISH = Numbers.of(read_words("en"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NUMBERS.num(0.5), "0,50"),
        (NUMBERS.num(-0.001), "0,00"),
        (NUMBERS.num(-1.5, 1), "−1,5"),
        (NUMBERS.integer(54_000), "54\u00a0000"),
        (NUMBERS.integer(1234), "1234"),
        (NUMBERS.integer(132_863_336), "132\u00a0863\u00a0336"),
        (NUMBERS.percent(0.9123), "91,2\u00a0%"),
        (NUMBERS.pp(1.244), "+1,24\u00a0п.\u00a0п."),
        (NUMBERS.pp(-0.001), "0,00\u00a0п.\u00a0п."),
        (NUMBERS.interval((-0.1, 1.52)), "[−0,10;\u00a01,52]"),
        (NUMBERS.interval((None, 1.0)), "–"),
        (NUMBERS.seconds(8.25), "8,2\u00a0с"),
        (NUMBERS.seconds(59.7), "1\u00a0мин"),
        (NUMBERS.seconds(307), "5\u00a0мин\u00a007\u00a0с"),
        (NUMBERS.seconds(3599.8), "1\u00a0ч"),
        (NUMBERS.seconds(4320), "1\u00a0ч\u00a012\u00a0мин"),
        (NUMBERS.millions(5_606_634), "5,61\u00a0млн"),
        (ENGLISH.num(-1.5, 1), "−1.5"),
        (ENGLISH.integer(54_000), "54,000"),
        (ENGLISH.percent(0.9123), "91.2%"),
        (ENGLISH.pp(1.244), "+1.24\u00a0pp"),
        (ENGLISH.interval((-0.1, 1.52)), "[−0.10,\u00a01.52]"),
        (ENGLISH.seconds(4320), "1\u00a0h\u00a012\u00a0min"),
        (str(NUMBERS.rate(0.001)), "0,001"),
        (str(NUMBERS.rate(0.00032)), "3,2·10<sup>−4</sup>"),
        (str(NUMBERS.rate(1e-5)), "1·10<sup>−5</sup>"),
    ],
)
def test_form(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize("name", ["num", "percent", "pp", "integer", "seconds", "rate", "share"])
@pytest.mark.parametrize("absent", [None, math.nan, math.inf])
def test_what_was_not_measured_is_a_dash(name: str, absent: float | None) -> None:
    assert str(getattr(NUMBERS, name)(absent)) == "–"


@pytest.mark.parametrize(
    ("count", "form"),
    [(1, "проба"), (2, "пробы"), (5, "проб"), (11, "проб"), (21, "проба"), (112, "проб")],
)
def test_plural(count: int, form: str) -> None:
    assert NUMBERS.plural(count, "проба", "пробы", "проб") == form


@pytest.mark.parametrize(("count", "form"), [(0, "trials"), (1, "trial"), (2, "trials"), (21, "trials")])
def test_two_forms(count: int, form: str) -> None:
    assert ENGLISH.plural(count, "trial", "trials") == form


@given(st.floats(-1e12, 1e12), st.integers(0, 6))
def test_printed_number_is_the_stored_one(value: float, digits: int) -> None:
    text = NUMBERS.num(value, digits).replace("\u00a0", "").replace(",", ".").replace("−", "-")
    assert float(text) == float(f"{value:.{digits}f}")
