"""The title page takes lines of text and nothing else; hostile text stays text."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import UsageError
from study.report.locale.messages import TEMPLATES
from study.report.text.title_page import (
    MAX_BYTES,
    MAX_LENGTH,
    TitlePage,
    empty_fields,
    read_title_page,
    write_example,
)


def _read(folder: Path, text: str) -> TitlePage:
    path = folder / "title.yaml"
    path.write_text(text, encoding="utf-8")
    return read_title_page(path)


def test_without_a_file_only_the_assignment_and_the_year_are_given() -> None:
    page = read_title_page(None)
    assert page.lab_number == "4"
    assert page.year == str(date.today().year)
    assert (page.student, page.university, page.teacher, page.city) == ("", "", "", "")
    assert "student" in empty_fields(page)
    assert "lab_title" not in empty_fields(page)  # printed in the language of the report


def test_example_file_is_the_default() -> None:
    assert read_title_page(TEMPLATES / "title_page.example.yaml") == read_title_page(None)


def test_scalars_are_read_as_written(tmp_path: Path) -> None:
    page = _read(tmp_path, "group: 0421\nyear: 2031\nstudent: no\nteacher: '{{7*7}}'\n")
    assert (page.group, page.year, page.student, page.teacher) == ("0421", "2031", "no", "{{7*7}}")


@pytest.mark.parametrize(
    "text",
    [
        "student: [a, b]",
        "student: {a: b}",
        "unknown: x",
        "- a\n- b",
        "just text",
        "student: " + "ж" * 201,
        "student: |\n  a\n  b",
        "student: 'a",
        "student: !!python/object/apply:os.system [id]",
        "a: &a [x, x]\nb: &b [*a, *a]\nstudent: *b",
        "x" * 70_000,
        "student: " + "x" * 10_000,
        'student: "a\\u2028b"',
        'student: "a\\u0085b"',
        'student: "\\x1b[31mred"',
        'student: "\\ud800"',
        "[" * 5_000,
        "a: &a [*a]",
        "? [a]\n: b",
        "? {a: b}\n: c",
    ],
)
def test_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        _read(tmp_path, text)


def test_a_tag_builds_nothing(tmp_path: Path) -> None:
    page = _read(tmp_path, "student: !!python/name:os.system x\nteacher: !!binary aGk=\n")
    assert (page.student, page.teacher) == ("x", "aGk=")


def test_a_bomb_of_aliases_is_cheap_and_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60)]
    with pytest.raises(UsageError, match="unknown"):
        _read(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "title.yaml"
    {"pipe": os.mkfifo, "folder": Path.mkdir, "loop": lambda p: p.symlink_to(p)}[kind](path)
    with pytest.raises(UsageError, match=r"title\.yaml"):
        read_title_page(path)


def test_text_of_any_script_is_kept_and_marks_of_direction_are_not(tmp_path: Path) -> None:
    page = _read(tmp_path, 'student: "שלום 😀 Ω"\nteacher: "a\\u202eb\\ue000c"\n')
    assert (page.student, page.teacher) == ("שלום 😀 Ω", "a\ufffdb\ufffdc")


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("studnet", "field 'studnet' is unknown; did you mean 'student'?"),
        ("Teacher-Position", "did you mean 'teacher_position'?"),
        ("colour", "known are abstract, city, "),
    ],
)
def test_an_unknown_field_is_answered_with_the_near_one(field: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, f"{field}: x")
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_the_documents_describe_every_field() -> None:
    text = (Path(__file__).parents[2] / "docs" / "title-page.md").read_text(encoding="utf-8")
    described = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert described == [field.name for field in fields(TitlePage)]
    assert f"{MAX_LENGTH} characters" in text and f"{MAX_BYTES // 1024} KB" in text


def test_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_title_page(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError):
        read_title_page(tmp_path / "binary.yaml")


@given(st.text(max_size=300) | st.text("ж", min_size=MAX_LENGTH, max_size=MAX_LENGTH + 1))
def test_no_text_gets_past_the_limits(text: str) -> None:
    try:
        page = TitlePage(student=text)
    except UsageError:
        return
    lines = page.student.splitlines()
    assert len(page.student) <= MAX_LENGTH and lines in ([], [page.student])


def test_the_example_is_written_once_and_is_usable(tmp_path: Path) -> None:
    path = tmp_path / "title.yaml"
    write_example(path)
    page = read_title_page(path)
    assert page.lab_number == "4"
    assert {"student", "teacher", "university"} <= set(empty_fields(page))
    filled = path.read_text(encoding="utf-8").replace('student: ""', "student: И. И. Иванов")
    path.write_text(filled, encoding="utf-8")
    with pytest.raises(UsageError):
        write_example(path)
    assert "student" not in empty_fields(read_title_page(path))
    with pytest.raises(UsageError):
        write_example(tmp_path / "absent" / "title.yaml")


_CYRILLIC = "university: УрФУ им. Б. Н. Ельцина\nstudent: И. О. Фамилия\ncity: Ёлкино\n"
_CAPITALS = "university: УНИВЕРСИТЕТ № 4\nstudent: И. О. ФАМИЛИЯ\ncity: «ЁЛКИНО» —\n"


@pytest.mark.parametrize(
    ("text", "codec", "told"),
    [
        (_CYRILLIC, "utf-8", ""),
        (_CYRILLIC, "utf-8-sig", ""),
        (_CYRILLIC, "utf-16", "UTF-16"),
        ("\ufeff" + _CYRILLIC, "utf-16-be", "UTF-16"),
        (_CYRILLIC, "utf-32", "UTF-32"),
        (_CYRILLIC, "cp1251", "Windows-1251"),
        (_CAPITALS, "cp1251", "Windows-1251"),
        (_CYRILLIC.replace("\n", "\r\n"), "cp1251", "Windows-1251"),
        (_CYRILLIC, "cp866", "CP866"),
        (_CYRILLIC, "koi8-r", "KOI8-R"),
    ],
)
def test_a_page_is_read_as_editors_save_it(text: str, codec: str, told: str, tmp_path: Path) -> None:
    path, said = tmp_path / "title.yaml", list[str]()
    path.write_bytes(text.encode(codec))
    page = read_title_page(path, said.append)
    assert page == _read(tmp_path, text.lstrip("\ufeff"))
    assert page.student in ("И. О. Фамилия", "И. О. ФАМИЛИЯ")
    assert [line.partition(" is read as ")[2].partition(";")[0] for line in said] == [told] * bool(told)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"year: 2031\nstudent: \x81\x8d\x98 Fran\xe7ois\n", "line 2: neither UTF-8, UTF-16 nor Russian"),
        (b"\xff\xfe\x00", "begins like UTF-16 and is damaged"),
        ("university: Universität Zürich\n".encode("latin-1"), "line 1: neither UTF-8"),
    ],
)
def test_another_encoding_is_one_clear_line(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "title.yaml").write_bytes(content)
    with pytest.raises(UsageError, match="save it as UTF-8") as caught:
        read_title_page(tmp_path / "title.yaml")
    assert says in str(caught.value) and "codec" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("year: 2031\nstudent: Иванов: Иван\n", "line 2: a second colon (put the text in quotes)"),
        ("year: 2031\nstudent Иванов\ncity: Город\n", "line 2: no colon with a space after the name"),
        (
            "student Иванов\ncity: Город\n",
            "line 2: a second colon (put the text in quotes), or no colon in the",
        ),
        ("year: 2031\nstudent:Иванов\ncity: Город\n", "line 2: no colon with a space after the name"),
        ("year: 2031\nstudent: 'Иванов\ncity: Город\n", "line 2: a quotation mark that is not closed"),
        ('student: "Иванов" Иван\n', "line 1: text after a closing quotation mark"),
        ('student: "C:\\Users"\n', "line 1: a backslash in double quotes"),
        ("year: 2031\n\tstudent: Иванов\n", "line 2: a tab where spaces belong"),
        ("year: 2031\nstudent: @ivanov\n", "line 2: a text that begins with a sign of YAML"),
        ("year: 2031\nstudent: *ivanov\n", "line 2: a text that begins with *"),
        ("year: 2031\nstudent: [Иванов\ncity: Город\n", "line 2: a bracket that is not closed"),
        ("year: 2031\n  student: Иванов\n", "line 2: a second colon"),
        ("year: 2031\n---\ncity: Город\n", "line 2: a second document"),
        ("year: 2031\nstudent: \x07\n", "line 2: a control character"),
        ("year: 2031\nstudent: [a, b]\n", "line 2: student must be a line of text"),
        ("year: 2031\nstudnet: x\n", "line 2: field 'studnet' is unknown; did you mean 'student'?"),
        ("year: 2031\nyear: 2032\n", "line 2: year stands there a second time"),
    ],
)
def test_a_fault_is_told_with_its_line_and_in_words(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(tmp_path, text)
    assert str(caught.value).startswith(f"title page title.yaml, {says}")
