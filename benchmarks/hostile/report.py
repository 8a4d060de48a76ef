"""Draws and composes whole reports of a results directory with one damaged file."""

from __future__ import annotations

from pathlib import Path

from benchmarks.hostile import results
from benchmarks.hostile.target import Target
from study.report.build import compose
from study.report.figures import draw_all, figure_files
from study.report.locale.messages import read_words
from study.report.locale.number_format import Numbers
from study.report.text.defence import compose_defence
from study.report.text.title_page import TitlePage

#: One of so many cases is tried, because each takes seconds.
SHARE = 100


def target(folder: Path) -> Target:
    damaged = results.small_results(folder / "results")
    words = read_words("en")
    numbers = Numbers.of(words)

    def build(place: Path) -> None:
        data = results.read(place)
        drawings = draw_all(data, words, numbers)
        title = TitlePage(year="2031")
        figure_files(drawings)
        html = compose(data, drawings, words, numbers, title, lang="en").html
        html += compose_defence(data, words, numbers, title, lang="en")
        assert "<script>" not in html and "Undefined" not in html

    attempt = results.changing(damaged, build)
    return Target(name="whole report", cases=results.cases(damaged), attempt=attempt, share=SHARE)
