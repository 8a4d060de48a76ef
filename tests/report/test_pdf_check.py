"""Every rule of form is broken on purpose and must be caught, by its number."""

from __future__ import annotations

from pathlib import Path

import pytest
from miniature import miniature

from study.report.pdf_check import check_pdf
from study.report.render import to_pdf
from study.report.words import languages, read_words


def _problems(html: str, folder: Path, lang: str = "ru") -> list[str]:
    path = folder / "report.pdf"
    path.write_bytes(to_pdf(html)[0])
    return check_pdf(path, read_words(lang))


@pytest.mark.parametrize("lang", languages())
def test_good_document_has_no_problems(lang: str, tmp_path: Path) -> None:
    assert _problems(miniature(lang), tmp_path, lang) == []


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (1, "size: A4", "size: A5"),
        (1, "15mm 20mm 30mm;", "15mm 20mm 20mm;"),
        (1, "15mm 20mm 30mm;", "10mm 20mm 30mm;"),
        (2, 'html { font: 14pt "Liberation Serif"', 'html { font: 14pt "DejaVu Serif"'),
        (2, 'html { font: 14pt "Liberation Serif"', 'html { font: 11pt "Liberation Serif"'),
        (2, "24.15pt; color: black", "24.15pt; color: #444"),
        (3, "24.15pt; color", "21pt; color"),
        (3, "text-indent: 12.5mm } /* 3 */", "text-indent: 10mm } /* 3 */"),
        (3, "text-align: justify;", "text-align: left;"),
        (3, "hyphens: auto;", "hyphens: none;"),
        (4, "content: counter(page);", "content: none;"),
        (4, "content: counter(page);", 'content: "– " counter(page) " –";'),
        (4, "@page :first { @bottom-center { content: none } }", ""),
        (4, "@bottom-center {\n    content: counter", "@bottom-right {\n    content: counter"),
        (5, "text-align: center; text-indent: 0 }\nh1.appendix", "}\nh1.appendix"),
        (5, ">ВВЕДЕНИЕ</h1>", ">ВВЕДЕНИЕ.</h1>"),
        (5, ">ЗАКЛЮЧЕНИЕ</h1>", ">Заключение</h1>"),
        (5, ">ЗАКЛЮЧЕНИЕ</h1>", "><u>ЗАКЛЮЧЕНИЕ</u></h1>"),
        (5, "section { break-before: page }", ""),
        (6, "text-align: left; text-indent: 12.5mm; margin: 0 }", "margin: 0; text-indent: 0 }"),
        (6, ">1.1 Подготовка данных</h2>", ">1.1. Подготовка данных</h2>"),
        (6, ">1 Ход работы</h1>", ">1 Ход работы.</h1>"),
        (7, "target-counter(attr(href), page)", '"9"'),
        (7, 'leader(".")', '" "'),
        (7, ".contents p.level2 { padding-left: 8mm }", ""),
        (7, ">1.1 Подготовка данных</a>", ">1.1 Обработка данных</a>"),
        (7, "h1 { margin-bottom: 16pt; bookmark-level: 1 }", "h1 { bookmark-level: none }"),
        (8, " – Прямоугольник", " – Прямоугольник."),
        (8, " – Прямоугольник", " - Прямоугольник"),
        (8, "figcaption { margin-top: 6pt; text-align: center", "figcaption { text-align: left"),
        (8, 'class="tcaption">', 'class="tcaption" style="text-align: center">'),
        (8, "Рисунок 1 – ", "Рисунок 2 – "),
        (8, "показаны на рисунке", "показаны ниже, номер"),
        (15, "Выполнил: студент", "Выполнила: студентка"),
        (15, "Город, 2031", "Город"),
        (15, "ОТЧЁТ", "РАБОТА"),
    ],
)
def test_broken_rule_is_caught(rule: int, old: str, new: str, tmp_path: Path) -> None:
    html = miniature()
    assert old in html, "the break must change something"
    found = _problems(html.replace(old, new), tmp_path)
    assert any(problem.startswith(f"rule {rule}, page ") for problem in found), found


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (3, "hyphens: auto;", "hyphens: none;"),
        (5, ">INTRODUCTION</h1>", ">FOREWORD</h1>"),
        (5, ">CONCLUSION</h1>", ">Conclusion</h1>"),
        (7, ">1.1 Preparing the data</a>", ">1.1 Processing the data</a>"),
        (8, " – A rectangle", " – A rectangle."),
        (8, " – A rectangle", ". A rectangle"),
        (8, "Figure 1 – ", "Fig. 1 – "),
        (8, "Figure 1 – ", "Figure 2 – "),
        (8, "are shown in Figure", "are shown below, number"),
        (15, "Examined by", "Read by"),
        (15, "REPORT", "WORK"),
    ],
)
def test_broken_rule_is_caught_in_english(rule: int, old: str, new: str, tmp_path: Path) -> None:
    html = miniature("en")
    assert old in html, "the break must change something"
    found = _problems(html.replace(old, new), tmp_path, "en")
    assert any(problem.startswith(f"rule {rule}, page ") for problem in found), found


def test_a_sentence_may_begin_with_the_name_of_a_table(tmp_path: Path) -> None:
    html = miniature("en")
    end = '</section>\n<section><h1 class="plain" id="part-4"'
    assert end in html
    sentence = '<p style="text-indent: 0">Table 1. So much for it.</p>'
    assert _problems(html.replace(end, sentence + end), tmp_path, "en") == []
