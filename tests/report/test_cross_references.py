"""Numbers, references, sources and page breaks, on small texts."""

from __future__ import annotations

from study.report.form_check.problem import Problem
from study.report.pdf.pagination import FLOAT_END, HOLDER, LINE, paginate
from study.report.text.cross_references import (
    CONTENTS_PLACE,
    SOURCES_PLACE,
    Document,
    appendix,
    cite,
    define,
    keep_signs,
    keep_together,
    refer,
    strip_tokens,
)


def _document() -> Document:
    return Document(source_texts={"a": "Первый", "b": "Второй", "c": "Третий"})


def test_numbers_follow_the_places_not_the_mentions() -> None:
    html = f"{refer('fig', 'y')} {refer('fig', 'x')} | {define('fig', 'x')} {define('fig', 'y')}"
    document = _document()
    text = document.resolve(html)
    assert document.numbers == {"fig-x": "1", "fig-y": "2"}
    assert text.startswith('<a href="#fig-y">2</a> <a href="#fig-x">1</a>')
    assert document.problems == []


def test_appendix_numbers_begin_with_its_letter() -> None:
    html = f"{refer('tab', 'x')}{define('tab', 'w')}{appendix('Б')}{define('tab', 'x')}"
    document = _document()
    document.resolve(refer("tab", "w") + html)
    assert document.numbers == {"tab-w": "1", "tab-x": "Б.1"}


def test_figure_without_reference_and_reference_without_figure_are_problems() -> None:
    document = _document()
    document.resolve(f"{define('fig', 'x')} {refer('fig', 'y')}")
    assert len(document.problems) == 2
    document = _document()
    document.resolve(f"{define('fig', 'x')} {refer('fig', 'x')}")
    assert document.problems == [Problem(8, None, "fig-x stands before any reference to it")]


def test_sources_are_numbered_by_first_citation_and_only_cited_ones_listed() -> None:
    document = _document()
    text = document.resolve(f"{cite('c')} {cite('a', 'c')} {SOURCES_PLACE}")
    assert document.cited == ["c", "a"]
    assert text.startswith('[<a href="#source-1">1</a>] [<a href="#source-1">1</a>, ')
    assert text.index("Третий") < text.index("Первый")
    assert "Второй" not in text


def test_unknown_source_is_a_problem() -> None:
    document = _document()
    document.resolve(str(cite("nobody2031")))
    message = "source nobody2031 is cited but not in sources.yaml"
    assert document.problems == [Problem(None, None, message)]


def test_contents_list_numbered_headings() -> None:
    document = _document()
    text = document.resolve(
        f'{CONTENTS_PLACE}<h1 class="numbered">Первая</h1><h2 class="numbered">Внутри</h2>'
        '<h1 class="numbered">Вторая</h1><h2 class="numbered">Там</h2>'
    )
    assert [h.text for h in document.headings] == ["1 Первая", "1.1 Внутри", "2 Вторая", "2.1 Там"]
    assert '<a href="#sec-2-1">2.1 Там</a>' in text


def test_outside_text_cannot_hold_tokens() -> None:
    hostile = strip_tokens(str(refer("fig", "x")))
    assert _document().resolve(hostile) == hostile


def test_only_words_with_inline_elements_are_wrapped() -> None:
    assert keep_together("на рисунке&nbsp;<a>3</a>, где") == ("на<span> рисунке\u00a0<a>3</a>,</span> где")
    assert keep_together("простой текст") == "простой текст"
    assert keep_together("знак <i>a b</i>") == "знак <i>a b</i>"


def test_no_line_begins_with_a_dash_and_initials_stay_with_their_name() -> None:
    assert keep_signs("<p>сеть – это,\n– и <i>R</i> – размер → итог</p>") == (
        "<p>сеть\u00a0– это,\u00a0– и <i>R</i>\u00a0– размер\u00a0→ итог</p>"
    )
    assert keep_signs("<li>/ J. R. Clune, 5–7 – Y.\nBengio</li>") == (
        "<li>/ J.\u00a0R.\u00a0Clune, 5–7\u00a0– Y.\u00a0Bengio</li>"
    )
    for kept in ("<p>x <code>a – b</code></p>", "<h2>Опыт – итог</h2>", "<pre>J. B – c</pre>"):
        assert keep_signs(kept) == kept


def _float(name: str) -> str:
    before = HOLDER.format(name=f"before-{name}")
    after = HOLDER.format(name=f"after-{name}")
    return f'{before}<figure id="{name}"></figure>{after}{FLOAT_END}'


def test_hole_before_a_figure_is_filled_with_the_paragraphs_behind_it() -> None:
    section = f"<p>раньше</p>{_float('fig-x')}<p>{'потом ' * 40}</p><p>ещё</p>"

    def layout(html: str) -> dict[str, tuple[int, float]]:
        first = html.index("fig-x") < html.index("потом")
        page = (0, 640.0) if first else (0, 780.0)
        return {"before-fig-x": page, "fig-x": (1, 56.7), "after-fig-x": (1, 300.0)}

    changed = paginate(section, layout, "Продолжение таблицы {number}", "Продолжение листинга {number}")
    assert changed.index("раньше") < changed.index("потом") < changed.index('id="fig-x"')
    assert changed.count(FLOAT_END) == 1


def test_torn_table_gets_head_and_continuation_caption() -> None:
    rows = "".join(f'<tr id="row-tab-x-{k}"><td>{k}</td></tr>' for k in range(6))
    section = (
        '<p><span id="number-tab-x">7</span></p><table class="fixed"><thead><tr><th>N</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>{FLOAT_END}"
    )

    def layout(html: str) -> dict[str, tuple[int, float]]:
        return {f"row-tab-x-{k}": (k // 4, 100.0 + k) for k in range(6)}

    changed = paginate(section, layout, "Продолжение таблицы {number}", "Продолжение листинга {number}")
    head, caption, rest = changed.partition("Продолжение таблицы 7")
    assert caption and 'row-tab-x-3"' in head and 'row-tab-x-4"' in rest
    assert rest.count("<thead>") == 1 and changed.count("Продолжение") == 1


def test_torn_listing_is_cut_at_the_blank_line_before_and_named() -> None:
    code = ["def f():", "    return 1", "", "def g():", "    x = 2", "    return x"]
    marked = "\n".join(LINE.format(name="lst-x", number=number) + line for number, line in enumerate(code))
    section = f'<p><span id="number-lst-x">А.1</span></p><pre>{marked}</pre>'

    def layout(html: str) -> dict[str, tuple[int, float]]:
        cut = html.index("continued") if "continued" in html else len(html)
        return {
            f"line-lst-x-{number}": (int(number > 4 or html.index(f"lst-x-{number}") > cut), 100.0 + number)
            for number in range(len(code))
        }

    changed = paginate(section, layout, "Продолжение таблицы {number}", "Продолжение листинга {number}")
    first, caption, rest = changed.partition("Продолжение листинга А.1")
    assert caption and "return 1" in first and "def g" not in first and "def g" in rest
    assert changed.count("<pre>") == changed.count("</pre>") == 2
