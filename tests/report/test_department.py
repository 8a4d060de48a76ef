"""A department's folder: its style and templates stand before ours, and it reaches nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from planted import plant

from study.analysis import analyse
from study.cli import main
from study.errors import UsageError
from study.report.build import read_department
from study.report.data.report_data import ReportData
from study.report.form_check.headings import find_headings
from study.report.form_check.pdf import read_pdf
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers
from study.report.text.compose import compose
from study.report.text.title_page import TitlePage

if TYPE_CHECKING:
    from conftest import Composer

_DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLE = _DOCS / "department-example"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plant(tmp_path_factory.mktemp("bare"), bare=True, finished=False)


@pytest.fixture(scope="module")
def bare(results: Path) -> ReportData:
    return ReportData.of(analyse(results))


def test_the_example_is_printed_and_keeps_the_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = plant(tmp_path / "results", bare=True, finished=False)
    flags = ["--results-dir", str(results), "--report-dir", str(tmp_path / "out")]
    own = ["--templates", str(EXAMPLE), "--title-page", str(EXAMPLE / "title_page.yaml")]
    assert main(["report", *flags, *own]) == 0
    assert "form: all 16 rules hold on" in capsys.readouterr().out
    pdf = read_pdf(tmp_path / "out" / "report.pdf")
    title = {line.text: line for line in pdf.pages[0].lines}
    assert title["ОТЧЁТ"].size == 18
    assert "Допущен к защите:" in title and "Заведующий кафедрой" in title
    assert "6 Требования безопасности" in [heading.text for heading in find_headings(pdf)]
    assert "всего на него отведено" in " ".join(line.text for line in pdf.lines)
    assert json.loads((tmp_path / "out" / "report.check.json").read_text(encoding="utf-8"))["passed"]


def test_another_language_takes_only_what_is_for_every_language(
    bare: ReportData, composer: Composer
) -> None:
    html = composer.of("en")(bare, department=read_department(EXAMPLE, "en"))
    assert ".title .main .word { font-size: 18pt }" in html
    assert "Допущен" not in html and "Требования" not in html


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("title.html", "<p>\n\n{% if %}</p>", "title.html, line 3: "),
        ("title.html", "<p>\n{{ titel.city }}</p>", "title.html, line 2: 'titel' is undefined"),
        ("title.html", '{% extends "ours/titel.html" %}', "line 1: there is no template ours/titel.html"),
        ("title.html", "\n{{ 1 / 0 }}", "title.html, line 2: division by zero"),
        ("title.html", "\n\n{{ data.folder.read_text() }}", "title.html, line 3: 'study.report."),
        ("title.html", '{{ data.results.to_csv("x.csv") }}', "title.html, line 1: access to attribute"),
        ("title.html", "{{ cite.__globals__ }}", "title.html, line 1: access to attribute"),
        ("title.html", '{% include "../secret.html" %}', "line 1: there is no template ../secret.html"),
        ("title.html", '{% include "link.html" %}', "leads out of the folder"),
        ("department.css", "p { margin: 0 }\n\np { colour: red }", "department.css, line 3: "),
        ("department.css", "p { margin: 0 }\np { color: rot }", "department.css, line 2: "),
        ("department.css", "p { margin: 0 }\np { color", "department.css, line 2: "),
        ("department.css", "p:nowhere { margin: 0 }", "department.css, line 1: "),
        ("department.css", '\n@import "file:///etc/passwd";', "department.css, line 2: "),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    name: str, text: str, says: str, tmp_path: Path, bare: ReportData, composer: Composer
) -> None:
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / name).write_text(text, encoding="utf-8")
    if "link" in text:
        (folder / "link.html").symlink_to(tmp_path / "secret.html")
    with pytest.raises(UsageError) as caught:
        composer(bare, department=read_department(folder, "ru"))
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("x.csv").exists()


def test_filters_and_tests_of_ours_may_be_used(
    tmp_path: Path, bare: ReportData, composer: Composer
) -> None:
    text = "<p>{{ 65|seconds }}{% if 1 is known %}, {{ 0.5|percent }}{% endif %}</p>"
    (tmp_path / "intro.html").write_text(text, encoding="utf-8")
    html = composer(bare, department=read_department(tmp_path, "ru"))
    assert "мин" in html.split("<p>1")[1][:30]


def test_a_template_that_no_report_asks_for_is_named(
    tmp_path: Path, bare: ReportData, words: Words, numbers: Numbers
) -> None:
    (tmp_path / "titel.html").write_text("<p>x</p>", encoding="utf-8")
    department = read_department(tmp_path, "ru")
    found = compose(bare, {}, words, numbers, TitlePage(), lang="ru", department=department)
    message = f"{tmp_path / 'titel.html'} is not used"
    assert any(problem.message.startswith(message) for problem in found.problems)


def test_a_useless_folder_is_refused_in_one_line(
    tmp_path: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--results-dir", str(results), "--report-dir", str(tmp_path / "out")]
    for folder in (tmp_path / "absent", tmp_path):
        assert main(["report", *flags, "--templates", str(folder)]) == 2
        assert main(["--templates", str(folder), *flags]) == 2
        shown = capsys.readouterr().err
        assert shown.count("\n") == 2 and shown.count(f"error: --templates {folder}: ") == 2
    assert not (tmp_path / "out").exists()


def test_the_documents_name_every_field_and_block() -> None:
    text = (_DOCS / "departments.md").read_text(encoding="utf-8")
    for lang in ("ru", "en"):
        for name in ("title.html", "report.html"):
            place = _DOCS.parent / "study" / "report" / "templates"
            path = place / lang / name if (place / lang / name).exists() else place / name
            blocks = re.findall(r"{% block (\w+) %}", path.read_text(encoding="utf-8"))
            assert blocks and all(f"`{block}`" in text for block in blocks)
