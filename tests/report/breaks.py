"""Breaks of the rules of form in the miniature, in groups that do not touch each other."""

from __future__ import annotations

from dataclasses import dataclass

from miniature import PICTURE


@dataclass(frozen=True)
class Break:
    """`old` becomes `new` in the HTML; the check then `says` that a rule is broken on a page.

    An empty `old`: a second thing that the check says of the break before.
    """

    rule: int
    page: int
    says: str
    old: str
    new: str


def _css(rule: int, page: int, says: str, style: str) -> Break:
    """A break by a style that comes last."""
    return Break(rule, page, says, "</style>", f"{style}</style>")


def _also(rule: int, page: int, says: str) -> Break:
    return Break(rule, page, says, "", "")


_FIGURE = "<figcaption>Рисунок 1 – Прямоугольник</figcaption>"
_IMAGE = f'<img alt="■" src="{PICTURE}">'
_CONTINUED = '<p class="tcaption continued">Продолжение таблицы\u00a0<a href="#tab-one">1</a></p>'
_CONTINUED_EN = '<p class="tcaption continued">Table\u00a0<a href="#tab-one">1</a> continued</p>'
_HEAD = "<thead><tr><th>Выборка</th><th>Доля</th></tr></thead>"
_CITED = '[<a href="#source-{}">{}</a>]'
_BOTH = f"{_CITED.format(1, 1)} и {_CITED.format(2, 2)}"
_SWAPPED = f"{_CITED.format(2, 2)} и {_CITED.format(1, 1)}"
_FIRST, _SECOND = "#tab-one > table:nth-of-type(1)", "#tab-one > table:nth-of-type(2)"

GROUPS: dict[str, list[Break]] = {
    "page and letters": [
        _css(1, 6, "not A4", "@page wide { size: 215mm 297mm; margin-right: 20mm } .end { page: wide }"),
        _css(1, 8, "outside the text block", "@page high { margin-top: 10mm } .last { page: high }"),
        _css(1, 3, "outside the text block", "ol.num { margin-left: -20mm }"),
        _css(2, 8, "is set in", ".last h1 + p { font-family: DejaVu Serif }"),
        _css(2, 5, "is not black", "section.numbered > p:last-child { color: #444 }"),
        _css(2, 5, "of 11.0 pt, not 14", "section.numbered > p:nth-last-child(2) { font-size: 11pt }"),
    ],
    "running text": [
        _css(3, 3, "21.00 pt between baselines", ".begin > p:nth-of-type(1) { line-height: 21pt }"),
        _css(3, 4, "paragraph indent", "section.numbered > p:nth-of-type(1) { text-indent: 10mm }"),
        _css(3, 5, "is not justified", "section.numbered > p:nth-last-child(2) { text-align: left }"),
        _css(3, 2, "running text is not hyphenated", "body { hyphens: none }"),
        _css(3, 4, "a heading is hyphenated", "h2 { hyphens: auto; width: 45mm }"),
        _css(
            3,
            4,
            "the caption of 1 is hyphenated",
            "figcaption { hyphens: auto; width: 45mm; margin: 6pt auto 0 }",
        ),
    ],
    "word spaces": [_css(16, 3, "a space of", ".begin > p:nth-of-type(1) { word-spacing: 22pt }")],
    "page numbers and title page": [
        Break(4, 1, "the title page shows", "@page :first { @bottom-center { content: none } }", ""),
        _css(
            4,
            6,
            "the foot shows '66'",
            "@page twice { @bottom-center { content: counter(page) counter(page) } } .end { page: twice }",
        ),
        _css(
            4,
            7,
            "the foot shows 'nothing'",
            "@page bare { @bottom-center { content: none } } .sources { page: bare }",
        ),
        _css(
            4,
            8,
            "is not centred",
            "@page aside { @bottom-center { content: none } @bottom-right { content: counter(page); "
            'font: 14pt "Liberation Serif" } } .last { page: aside }',
        ),
        Break(15, 1, "number (", "о лабораторной работе № 4", "о работе"),
        Break(15, 1, "title (", "«Предобученные нейронные сети»", "Предобученные сети"),
        Break(15, 1, "student (", "Выполнил: студент группы", "Выполнила: студентка"),
        Break(15, 1, "teacher (", "Проверил:", "Принял:"),
        Break(15, 1, "city and year", "Город, 2031", "Город"),
        Break(15, 1, "need a line each", "<p>Министерство</p>", ""),
    ],
    "headings": [
        Break(5, 3, "ends with a dot", "ВВЕДЕНИЕ", "ВВЕДЕНИЕ."),
        _css(5, 6, "is underlined", ".end h1 { text-decoration: underline }"),
        _css(5, 7, "is not centred", ".sources h1 { text-align: left }"),
        _css(13, 8, "is not centred", "h1.appendix { text-align: left }"),
        Break(6, 4, "a dot follows the number", "1.1 Подготовка", "1.1. Подготовка"),
        Break(6, 4, "'1 Ход работы.' ends with a dot", "1 Ход работы", "1 Ход работы."),
        _css(6, 4, "does not begin at the paragraph indent", "h2 { text-indent: 0 }"),
    ],
    "breaks before and behind headings": [
        Break(5, 1, "there is no heading ЗАКЛЮЧЕНИЕ", "ЗАКЛЮЧЕНИЕ", "Заключение"),
        _also(5, 6, "is not in capitals"),
        _css(5, 6, "does not begin a page", ".end { break-before: auto }"),
        _css(6, 4, "a heading ends the page", "h2 { break-after: page }"),
        Break(15, 1, "report (", "ОТЧЁТ", "РАБОТА"),
        Break(15, 1, "course (", "по дисциплине", "по курсу"),
    ],
    "contents": [
        _css(
            7,
            2,
            "'1 Ход работы' is listed on page 9, stands on 4",
            '.contents p:nth-of-type(2) a::after { content: leader(".") "9" }',
        ),
        _css(
            7,
            2,
            "'ЗАКЛЮЧЕНИЕ 6' has no leaders",
            '.contents p:nth-of-type(4) a::after { content: leader(" ") target-counter(attr(href), page) }',
        ),
        _css(
            7,
            2,
            "the page of 'ВВЕДЕНИЕ' is not at the right",
            ".contents p:nth-of-type(1) a { margin-right: 0 }",
        ),
        _css(7, 2, "'1.1 Обработка данных' is not indented", ".contents p.level2 { padding-left: 0 }"),
        Break(
            7,
            2,
            "'1.1 Обработка данных' is listed but not a heading",
            ">1.1 Подготовка данных</a>",
            ">1.1 Обработка данных</a>",
        ),
        _also(7, 4, "'1.1 Подготовка данных' is not in the contents"),
        _css(7, 6, "'ЗАКЛЮЧЕНИЕ' is not a bookmark", ".end h1 { bookmark-level: none }"),
    ],
    "form of captions": [
        Break(8, 4, "Рисунок 1 ends with a dot", " – Прямоугольник", " – Прямоугольник."),
        _css(
            8, 4, "Таблица 1 does not begin at the left", "#tab-one > p:first-child { text-align: center }"
        ),
        _css(9, 4, "the head 'Выборка' is not centred", f"{_FIRST} thead th {{ text-align: left }}"),
        Break(
            9,
            5,
            "table 1 goes on without «Продолжение таблицы",
            _CONTINUED,
            '<div style="break-before: page"></div>',
        ),
        _css(
            10,
            4,
            "the number of formula (1) is not at the right margin",
            ".formula .number { right: 40mm }",
        ),
        Break(10, 4, "is followed by a colon", ">где первый", ">где: первый"),
        _css(11, 3, "begins '•", 'ul.dash > li::before { content: "• " }'),
        _css(11, 3, "begins '1. ", 'ol.num > li::before { content: counter(item) ". " }'),
        _also(11, 3, "begins '2. "),
        Break(11, 3, "'б) первый пу' is not the next item", "symbols: а б", "symbols: б а"),
        _also(11, 3, "'а) второй пу' is not the next item"),
        Break(13, 8, "appendix А is not mentioned", "в приложении&nbsp;А", "в конце"),
        Break(13, 8, "Листинг А.1 ends with a dot", "1 – Шаг обучения", "1 – Шаг обучения."),
        _css(13, 8, "Листинг А.1 does not begin at the left", ".listing .tcaption { text-align: center }"),
    ],
    "parts of tables": [
        _css(8, 4, "Рисунок 1 is not centred", "figcaption { text-align: left }"),
        Break(8, 4, "needs «N – name»", "Таблица 1 –", "Таблица 1 -"),
        Break(
            9,
            4,
            "the head 'выборка' does not begin with a capital",
            f"Числа</p><table>{_HEAD}",
            f"Числа</p><table>{_HEAD.replace('В', 'в')}",
        ),
        Break(
            9, 5, "table 1 goes on without its head", f"{_CONTINUED}<table>{_HEAD}", f"{_CONTINUED}<table>"
        ),
        _css(10, 4, "formula (1) is not centred", ".formula { text-align: left }"),
        _css(10, 4, "is indented", "p.where { text-indent: 12.5mm }"),
        _css(11, 3, "'2) первый пу' is not the next item", "ol.num { counter-reset: item 1 }"),
        _css(11, 3, "begins 'первый пункт", "ol.abc > li::before { content: none }"),
        _also(11, 3, "begins 'второй пункт"),
        Break(12, 3, "[2] is cited first where [1] is due", _BOTH, _SWAPPED),
        _also(12, 3, "[1] is cited first where [2] is due"),
        Break(13, 8, "appendix Б stands where А is due", "ПРИЛОЖЕНИЕ А", "ПРИЛОЖЕНИЕ Б"),
        _also(13, 8, "appendix Б is not mentioned"),
        _also(13, 8, "Листинг А.1 stands in appendix Б"),
        Break(13, 8, "Листинг А.1 is not mentioned", 'листинг <a href="#lst-code">А.1</a>', "текст ниже"),
    ],
    "numbers of captions": [
        Break(8, 4, "Рисунок 2 stands where number 1 is due", "Рисунок 1 –", "Рисунок 2 –"),
        _also(8, 4, "Рисунок 2 is not mentioned"),
        Break(8, 4, "Таблица 1 is not mentioned", "в таблице", "ниже под номером"),
        _css(
            9,
            5,
            "the continuation of table 1 does not begin at the left",
            ".continued { text-align: right }",
        ),
        _css(
            9, 4, "the row head 'Первая' is not at the left", f"{_FIRST} tbody th {{ text-align: right }}"
        ),
        _css(9, 5, "table 1 has no border at the right", f"{_SECOND} td {{ border-right: none }}"),
        Break(10, 4, "formula (3) stands where (1) is due", "(1)</span>", "(3)</span>"),
        Break(12, 7, "source 2 is not cited", _BOTH, _CITED.format(1, 1)),
        Break(12, 6, "[7] is not in the list", '<p class="plain">', '<p class="plain">[7] '),
        Break(14, 4, "'0.91' has a decimal point", "равна 0,91", "равна 0.91"),
        Break(14, 5, "'80.11' has a decimal point", "80,11", "80.11"),
        Break(14, 5, "is torn from 'мин", "длилось 25&nbsp;мин", "длилось" + " 25 мин" * 60),
    ],
    "places of captions": [
        Break(8, 4, "Рисунок 1 has no picture above it", f"{_IMAGE}\n{_FIGURE}", f"{_FIGURE}\n{_IMAGE}"),
        Break(8, 4, "a table has no caption above it", '<p class="tcaption">Таблица 1 – Числа</p>', ""),
        Break(
            12,
            7,
            "source 3 is listed where 2 is due",
            "</style>",
            ".sources li:nth-child(2) { counter-increment: source 2 }</style>",
        ),
        _also(12, 7, "source 3 is not cited"),
        _also(12, 3, "[2] is not in the list"),
        Break(13, 7, "appendix А has no title", "ПРИЛОЖЕНИЕ А Подготовка данных", "ПРИЛОЖЕНИЕ А"),
        Break(13, 7, "appendix А has no title", '<span class="subtitle">Подготовка данных</span>', ""),
        _css(13, 7, "does not begin a page", ".last { break-before: auto }"),
    ],
    "things far from their mention": [
        Break(
            8,
            6,
            "Рисунок 1 stands more than a page behind its mention",
            '<figure id="fig-one">',
            '<p style="break-before: page">–</p>' * 2 + '<figure id="fig-one">',
        ),
        _also(8, 6, "Таблица 1 stands more than a page behind its mention"),
        Break(
            9,
            7,
            "table 2 is said to go on where table 1 does",
            _CONTINUED,
            _CONTINUED.replace(">1<", ">2<"),
        ),
        _css(
            9,
            6,
            "table 1 has no border at the bottom",
            f"{_FIRST} td, {_FIRST} tbody th {{ border-bottom: none }}",
        ),
        _css(9, 7, "table 1 has no border at the left", f"{_SECOND} tbody th {{ border-left: none }}"),
        Break(10, 6, "begins with a capital", ">где первый", ">Где первый"),
        _css(13, 10, "there is no heading ПРИЛОЖЕНИЕ А", "h1.appendix { font-weight: normal }"),
        _also(7, 2, "'ПРИЛОЖЕНИЕ А Подготовка данных' is listed but not a heading"),
    ],
}

ENGLISH: dict[str, list[Break]] = {
    "headings and captions": [
        _css(3, 2, "running text is not hyphenated", "body { hyphens: none }"),
        Break(5, 1, "there is no heading INTRODUCTION", "INTRODUCTION", "FOREWORD"),
        Break(7, 2, "is listed but not a heading", ">1.1 Preparing the data</a>", ">1.1 Taking data</a>"),
        _also(7, 4, "is not in the contents"),
        Break(8, 4, "Figure 1 ends with a dot", " – A rectangle", " – A rectangle."),
        Break(8, 4, "Table 1 is not mentioned", "in Table", "below, number"),
        Break(9, 5, "goes on without «Table", _CONTINUED_EN, '<div style="break-before: page"></div>'),
        Break(10, 4, "is followed by a colon", ">where the", ">where: the"),
        Break(12, 6, "[7] is not in the list", '<p class="plain">', '<p class="plain">[7] '),
        Break(13, 8, "appendix A is not mentioned", "in Appendix&nbsp;A", "at the end"),
        Break(14, 5, "is torn from 'min", "took 25&nbsp;min", "took" + " for 25 min" * 60),
        Break(15, 1, "teacher (", "Examined by", "Read by"),
        Break(15, 1, "report (", "REPORT", "WORK"),
    ],
    "abbreviations": [
        Break(8, 4, "'Fig. 1 – A rectangle' needs", ">Figure 1 – ", ">Fig. 1 – "),
        Break(13, 8, "Listing A.1 is not mentioned", "in Listing", "in text"),
    ],
}
