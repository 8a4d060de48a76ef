"""A report of hostile names and texts: printed as they are, nothing fetched or written beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import yaml
from docx import Document
from docx.oxml.ns import qn

from benchmarks.hostile.results import small_results
from study.report.form_check.pdf import read_pdf

ROOT = Path(__file__).parents[2]
#: Field of the title page → what stands in it.
TITLE = {
    "ministry": "file:///etc/passwd",
    "university": "<script>alert(1)</script>",
    "faculty": "{{7*7}} {% import 'os' %}",
    "department": "=cmd|' /C calc'!A0",
    "discipline": '<img src="file:///etc/hostname">',
    "lab_title": "../../../etc/passwd",
    "student": "שלום עולם",
    "teacher": "😀 &amp; $\\frac{1}{2}$",
    "group": "-1+1",
    "city": "@import 'x'",
    "teacher_position": "<link rel=attachment href=file:///etc/passwd>",
}
#: What a file of results says → where it is printed.
FETCHED = "<img src='http://127.0.0.1:9/x.png'>"
DEVICE = "{{ 7*7 }} <script src=file:///etc/passwd></script>"
REASON = '=HYPERLINK("http://127.0.0.1:9") \u202e\ue000ref:fig-arms\ue001 \x07 {% raw %}'
#: What Python's ctypes asks for the places of libraries, and matplotlib for those of fonts.
OWN_TOOLS = {"ldconfig", "ld", "gcc", "cc", "objdump", "fc-list"}
ODD_NAME = "re sults\n; rm -rf ~ '\"<b>😀 שלום"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What one child did: its exit code and words, what it touched, and the texts of the report."""

    code: int
    errors: str
    touched: dict[str, list[str]]
    folder: Path
    pdf: str
    sheet: str
    docx: str
    html: str


def _spoil(results: Path) -> None:
    """Hostile text wherever a file of results holds text that is printed."""
    for name, change in (
        ("environment", {"device_name": DEVICE, "commit": FETCHED}),
        ("plan", {}),
    ):
        path = results / f"{name}.json"
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) | change
        if name == "plan":
            value["phases"][0]["phase"] = "<b>$phase$</b>"
        path.write_text(json.dumps(value), encoding="utf-8")
    path = results / "results.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    reason = REASON.replace('"', '""')
    lines[1] = lines[1].replace("finished", "failed") + f'"{reason}"'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    place = tmp_path_factory.mktemp("hostile")
    results, out, log = place / ODD_NAME, place / f"out {ODD_NAME}", place / "log.json"
    small_results(results)
    _spoil(results)
    (place / "title.yaml").write_text(yaml.safe_dump(TITLE, allow_unicode=True), encoding="utf-8")
    (place / "tmp").mkdir()
    for fonts in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):  # else it looks for them anew
        shutil.copy(fonts, place / "tmp")
    done = subprocess.run(
        [
            sys.executable,
            "-B",
            str(Path(__file__).with_name("witness.py")),
            str(log),
            "report",
            "--results-dir",
            str(results),
            "--report-dir",
            str(out),
            "--length",
            "full",
            "--defence",
            "--lang",
            "en",
            "--title-page",
            str(place / "title.yaml"),
        ],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **dict.fromkeys(("TMPDIR", "HOME", "MPLCONFIGDIR"), str(place / "tmp")),
        },
    )
    assert done.returncode == 0, done.stderr
    word = Document(str(out / "report.docx")).element.body
    pages = read_pdf(out / "report.pdf").pages
    return Written(
        code=done.returncode,
        errors=done.stderr,
        touched=json.loads(log.read_text()),
        folder=place,
        pdf=" ".join(line.text for page in pages for line in page.lines),
        sheet=" ".join(line.text for line in read_pdf(out / "defence.pdf").lines),
        docx=" ".join(element.text or "" for element in word.iter(qn("w:t"))),
        html=(out / "report.html").read_text(encoding="utf-8"),
    )


def test_nothing_is_fetched_run_or_read_that_a_text_names(written: Written) -> None:
    assert written.touched["fetched"] == []
    assert set(written.touched["run"]) <= OWN_TOOLS
    read = set(written.touched["read"])
    assert read and not read & {"/etc/passwd", "/etc/hostname"}


def test_nothing_is_written_outside_the_output_directories(written: Written) -> None:
    changed = written.touched["changed"]
    outside = [path for path in changed if not path.startswith(f"{written.folder.resolve()}{os.sep}")]
    assert changed and [path for path in outside if path != os.devnull] == []
    assert {path.name for path in written.folder.iterdir()} == {
        ODD_NAME,
        f"out {ODD_NAME}",
        "title.yaml",
        "tmp",
        "log.json",
    }
    assert written.folder.resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


def _squeezed(text: str) -> str:
    return "".join(text.split())


#: Not in the fonts that a report needs, or written from right to left, which the order of a PDF's
#: letters shows as it is seen.
_BY_LETTERS = ("student", "teacher")


@pytest.mark.parametrize("field", [name for name in TITLE if name not in _BY_LETTERS])
def test_a_title_field_is_literal_text_in_the_pdf(field: str, written: Written) -> None:
    assert _squeezed(TITLE[field]) in _squeezed(written.pdf)


def test_the_sheet_for_the_defence_prints_the_title_literally(written: Written) -> None:
    assert _squeezed(TITLE["lab_title"]) in _squeezed(written.sheet)
    assert "script" not in written.sheet


def test_letters_from_right_to_left_are_in_the_pdf(written: Written) -> None:
    words = TITLE["student"].split()
    assert all(word in written.pdf or word[::-1] in written.pdf for word in words)


@pytest.mark.parametrize("text", [*TITLE.values(), DEVICE, FETCHED])
def test_it_is_literal_text_in_the_other_forms(text: str, written: Written) -> None:
    assert _squeezed(text) in _squeezed(written.docx)
    assert _squeezed(text) in _squeezed(unescape(written.html))
    assert text not in written.html or "<" not in text


def test_marks_of_a_reason_are_taken_out_and_the_rest_is_printed(written: Written) -> None:
    for text in (written.pdf, written.docx, unescape(written.html)):
        assert _squeezed('=HYPERLINK("http://127.0.0.1:9")') in _squeezed(text)
        assert _squeezed("{% raw %}") in _squeezed(text)
    for mark in "\u202e\ue000\ue001\x07":
        assert mark not in written.html and mark not in written.docx
