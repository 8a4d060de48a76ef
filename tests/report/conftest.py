"""Fixtures: planted results, and one report built from them for the whole session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from planted import plant
from printing import print_report
from shared import Shared

from study.analysis import analyse
from study.report.build import build_report
from study.report.data.report_data import ReportData
from study.report.figures import Drawing, draw_all
from study.report.form_check.pdf import Pdf, read_pdf
from study.report.locale.messages import Words, read_words
from study.report.locale.number_format import Numbers
from study.report.text.compose import compose
from study.report.text.department import Department
from study.report.text.length import Length
from study.report.text.title_page import TitlePage

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from reading import Reader


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The report of a whole study: the composed HTML and the finished PDF."""

    folder: Path
    html: str
    pdf: Pdf


@dataclass(frozen=True, kw_only=True)
class Built:
    """A finished report: its folder, HTML, and the problems found while building."""

    folder: Path
    html: str
    problems: tuple[str, ...]
    pages: int

    @property
    def docx(self) -> Path:
        return self.folder / "report.docx"

    @property
    def pdf(self) -> Path:
        return self.folder / "report.pdf"


@pytest.fixture(scope="session")
def words() -> Words:
    return read_words("ru")


@pytest.fixture(scope="session")
def numbers(words: Words) -> Numbers:
    return Numbers.of(words)


@pytest.fixture(scope="session")
def built(shared: Shared) -> Built:
    """The report of a small study: one network, one seed, no tuning, with pictures."""
    return _build(shared, "ru")


@pytest.fixture(scope="session")
def english(shared: Shared) -> Built:
    """The same in English."""
    return _build(shared, "en")


@pytest.fixture(scope="session")
def whole(shared: Shared) -> Path:
    """Results of a study of both networks with three seeds, tuning, side experiments and a champion."""
    return shared.folder("whole", lambda folder: plant(folder / "results", seeds=3, trials=4)) / "results"


@pytest.fixture(scope="session")
def sample(
    shared: Shared, whole: Path, tmp_path_factory: pytest.TempPathFactory, words: Words, numbers: Numbers
) -> Sample:
    """Built as the verb `report` builds it, without the HTML and DOCX files."""

    def make() -> tuple[str, Pdf]:
        path = tmp_path_factory.mktemp("sample") / "report.pdf"
        html = print_report(whole, path, words, numbers)
        return html, read_pdf(path)

    html, pdf = shared.value("sample", make)
    return Sample(folder=whole, html=html, pdf=pdf)


def _build(shared: Shared, lang: str) -> Built:
    def make(folder: Path) -> None:
        results = plant(folder / "results", seeds=1, trials=0, models=("googlenet",))
        result = build_report(analyse(results), folder / "out", lang=lang)
        problems = [str(problem) for problem in result.problems]
        (folder / "built.json").write_text(json.dumps([problems, result.pages]), encoding="utf-8")

    folder = shared.folder(f"report-{lang}", make)
    problems, pages = json.loads((folder / "built.json").read_text(encoding="utf-8"))
    html = (folder / "out" / "report.html").read_text(encoding="utf-8")
    return Built(folder=folder / "out", html=html, problems=tuple(problems), pages=pages)


class Composer:
    """Composes a report without pictures, which is quick."""

    def __init__(self, words: Words, numbers: Numbers) -> None:
        self._words = words
        self._numbers = numbers

    def __call__(
        self,
        results: Path | ReportData,
        title: TitlePage | None = None,
        drawings: dict[str, Drawing] | None = None,
        department: Department | None = None,
        length: Length = Length.FULL,
    ) -> str:
        data = results if isinstance(results, ReportData) else ReportData.of(analyse(results))
        found = compose(
            data,
            drawings or {},
            self._words,
            self._numbers,
            title or TitlePage(year="2031"),
            lang=self._words.lang,
            length=length,
            department=department,
        )
        return found.html

    def of(self, lang: str) -> Composer:
        """The same in another language."""
        words = read_words(lang)
        return Composer(words, Numbers.of(words))

    def draw(self, data: ReportData) -> dict[str, Drawing]:
        return draw_all(data, self._words, self._numbers)


@pytest.fixture(scope="session")
def composer(words: Words, numbers: Numbers) -> Composer:
    return Composer(words, numbers)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module; others do not import Playwright."""
    from browsing import chromium

    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def pages(shared: Shared, composer: Composer) -> Path:
    """A folder with the page of a whole study, report.html, and the texts of its tables, files.json."""
    from reading import write_reading

    return shared.folder("pages", lambda folder: write_reading(folder, composer))


@pytest.fixture(scope="module")
def read(browser: Browser, pages: Path) -> Iterator[Reader]:
    """The Russian page, opened once for the tests of a module; the browser must complain of nothing."""
    from reading import Reader

    page = browser.new_page(accept_downloads=True)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    files = json.loads((pages / "files.json").read_text(encoding="utf-8"))
    yield Reader(page=page, address=(pages / "report.html").as_uri(), files=files)
    page.close()
    assert complaints == []
