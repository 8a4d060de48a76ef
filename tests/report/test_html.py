"""The HTML version in a real browser: it fetches nothing, fits every width, leads and sorts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browsing import Opener
from planted import plant
from playwright.sync_api import Browser

from study.report.html.page import web_page
from study.report.locale.messages import Words
from study.report.text.title_page import TitlePage

if TYPE_CHECKING:
    from conftest import Built, Composer

_ARM = "Предобученная, вся сеть, единая"
#: Printed forms in their order by value; the dash was not measured.
_IN_ORDER = ["−1,50", "3,2·10<sup>−4</sup>", "0,001", "9,75", "10,5", "6000", "54&nbsp;000"]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(browser, tmp_path)
    yield opener
    opener.close()


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, composer: Composer, words: Words) -> str:
    """The page of a study with trials of both networks, without pictures."""
    results = plant(tmp_path_factory.mktemp("web"), seeds=2, trials=3, artifacts=False)
    return web_page(composer(results), TitlePage(year="2031"), words)


def _number(text: str) -> float:
    return float(text.replace("\u00a0", "").replace("−", "-").replace(",", "."))


def test_page_fetches_nothing_and_complains_of_nothing(built: Built, show: Opener) -> None:
    opened = show(built.html)
    opened.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    opened.page.wait_for_load_state("networkidle")
    assert opened.page.evaluate(
        "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
    )
    assert [url for url in opened.requests if not url.startswith("data:")] == [show.address]
    assert opened.complaints == []


@pytest.mark.parametrize("width", [360, 768, 1280, 2560])
def test_page_never_scrolls_sideways(width: int, built: Built, show: Opener) -> None:
    page = show(built.html, width=width).page
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    outside = page.evaluate(
        """[...document.querySelectorAll("main *")].filter((element) =>
        !element.closest(".scroll, pre, .card") && element.getBoundingClientRect().right > innerWidth + 1
        ).map((element) => element.outerHTML.slice(0, 80))"""
    )
    assert outside == []
    text = page.evaluate(
        "document.querySelector('main p').clientWidth / parseFloat("
        "getComputedStyle(document.querySelector('main p')).fontSize)"
    )
    assert text <= 38.1


def test_contents_lead_to_every_heading(built: Built, show: Opener) -> None:
    page = show(built.html).page
    headings = page.evaluate("[...document.querySelectorAll('main :is(h2, h3)')].map((h) => '#' + h.id)")
    assert len(headings) > 30
    for nav in (".side", ".menu"):
        links = page.evaluate(
            f"[...document.querySelectorAll('{nav} a')].map((a) => a.getAttribute('href'))"
        )
        assert links == headings
    dead = page.evaluate(
        """[...document.querySelectorAll("a[href^='#']")].map((a) => a.getAttribute("href").slice(1))
        .filter((id) => !document.getElementById(id))"""
    )
    assert dead == []


def test_contents_follow_the_reader(built: Built, show: Opener) -> None:
    page = show(built.html).page
    # Far jumps, from and to places with no heading in sight.
    places = {"#lst-predict": "Приложение А", "#tab-runs": "Приложение Б", "#sec-1-2": "1.2 "}
    current = page.locator(".side [aria-current]")
    for place, title in places.items():
        page.evaluate(f"document.querySelector('{place}').scrollIntoView()")
        page.wait_for_selector(f".side a[aria-current]:has-text('{title}')", timeout=20_000)
        assert current.count() == 1 and current.is_visible()


def test_phone_has_a_menu_that_closes_behind_the_reader(built: Built, show: Opener) -> None:
    page = show(built.html, width=360).page
    assert not page.locator(".side").is_visible()
    page.click(".menu summary")
    page.click(".menu a[href='#sec-2-1']")
    assert not page.locator(".menu ol").first.is_visible()
    page.wait_for_function("document.querySelector('.here').textContent.startsWith('2.1')")
    bar, heading = (page.locator(place).bounding_box() for place in (".menu", "#sec-2-1"))
    assert bar and heading and heading["y"] >= bar["y"] + bar["height"]


@pytest.mark.parametrize("table, number", [("tab-runs", 7), ("tab-trials", 8)])
def test_numeric_column_sorts_both_ways(table: str, number: int, tables: str, show: Opener) -> None:
    opened = show(tables)
    before = opened.column(table, number)
    assert len(before) > 10 and all("," in text for text in before)
    head = opened.page.locator(f"#{table} thead th:nth-child({number})")
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    rising = sorted(before, key=_number)
    assert opened.column(table, number) == rising != before
    head.locator("button").focus()
    opened.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert opened.column(table, number) == sorted(before, key=_number, reverse=True)
    opened.page.locator(f"#{table} thead button").first.click()
    assert head.get_attribute("aria-sort") is None


def test_printed_forms_of_numbers_sort_by_value(words: Words, show: Opener) -> None:
    shuffled = [_IN_ORDER[k] for k in (5, 2, 6, 0)] + ["–"] + [_IN_ORDER[k] for k in (4, 1, 3)]
    rows = "".join(f'<tr><td class="n">{text}</td></tr>' for text in shuffled)
    html = (
        '<body><section><div class="tablebox" id="tab-x"><p class="tcaption">Числа</p>'
        f'<table class="dense sortable"><thead><tr><th>Число</th></tr></thead><tbody>{rows}</tbody>'
        "</table></div></section></body>"
    )
    opened = show(web_page(html, TitlePage(), words))
    order = [re.sub(r"<.*?>", "", text).replace("&nbsp;", "\u00a0") for text in _IN_ORDER]
    for expected in ([*order, "–"], [*order[::-1], "–"]):
        opened.page.click("#tab-x thead button")
        assert opened.column("tab-x", 1) == expected


def test_filter_leaves_the_rows_asked_for(tables: str, show: Opener, words: Words) -> None:
    opened = show(tables)
    field = opened.page.locator("#tab-runs input")
    total = len(opened.column("tab-runs", 1))
    field.fill("GOOGLENET предобученная единая")
    assert set(opened.column("tab-runs", 1)) == {"GoogLeNet"}
    assert opened.column("tab-runs", 2) == [_ARM, _ARM]
    shown = words.screen["labels"]["shown"].format(shown=2, all=total)
    assert opened.page.locator("#tab-runs [role=status]").inner_text() == shown
    field.fill("")
    assert len(opened.column("tab-runs", 1)) == total
    assert len(opened.column("tab-trials", 1)) > 10


def test_everything_is_there_without_script(tables: str, show: Opener) -> None:
    opened = show(tables, js=False)
    assert opened.page.locator("main button, main input").count() == 0
    assert len(opened.column("tab-runs", 1)) == 25  # 24 runs and the champion
    assert opened.page.locator(".side a[href='#sec-3-2']").is_visible()


def test_structure_can_be_read_aloud(built: Built, show: Opener) -> None:
    page = show(built.html, width=360).page
    assert page.locator("html[lang=ru]").count() == 1
    assert page.locator("h1").count() == page.locator("main").count() == page.locator("header").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => +h.tagName[1])")
    assert levels[0] == 1 and all(b <= a + 1 for a, b in pairwise(levels))
    faults = page.evaluate(
        """({
          unnamed: [...document.images].filter((image) => !image.alt.trim()).length,
          heads: document.querySelectorAll("th:not([scope])").length,
          ids: [...document.querySelectorAll("[id]")].length
            - new Set([...document.querySelectorAll("[id]")].map((element) => element.id)).size,
          labels: [...document.querySelectorAll("[aria-labelledby]")]
            .filter((e) => !document.getElementById(e.getAttribute("aria-labelledby"))).length,
          frames: [...document.querySelectorAll(".scroll, pre")]
            .filter((e) => e.scrollWidth > e.clientWidth && e.tabIndex < 0).length,
          buttons: [...document.querySelectorAll("button")].filter((b) => !b.textContent.trim()).length,
          fields: [...document.querySelectorAll("input")].filter((i) => !i.labels.length).length,
        })"""
    )
    assert set(faults.values()) == {0}, faults
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#report"


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_contrast_and_figures_a_white_card(dark: bool, built: Built, show: Opener) -> None:
    page = show(built.html, dark=dark).page

    def colour(place: str, name: str) -> list[float]:
        text = page.evaluate(f"getComputedStyle(document.querySelector('{place}')).{name}")
        return [int(part) / 255 for part in re.findall(r"\d+", text)[:3]]

    def light(values: list[float]) -> float:
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    paper = light(colour("html", "backgroundColor"))
    assert (paper < 0.05) is dark
    for place in ("main p", "main p a", "figcaption", "header p"):
        ink = light(colour(place, "color"))
        ratio = (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)
        assert ratio >= 4.5, (place, ratio)
    assert colour(".card", "backgroundColor") == [1, 1, 1]


def test_nothing_of_the_paper_is_left(built: Built, tables: str) -> None:
    for html in (built.html, tables):
        body = html[html.index("<body") : html.rindex("<script>")]
        for mark in ("Продолжение таблицы", 'class="before"', "bookmark-label", "<!--", "<colgroup"):
            assert mark not in body
        assert body.count('class="scroll') == body.count("<table")


def test_head_says_what_is_given_and_leaves_out_the_rest(words: Words) -> None:
    title = TitlePage(student="<script>alert(1)</script>", discipline="{css}", year="2031")
    html = web_page("<body><section></section></body>", title, words)
    header = html[html.index("<header>") : html.index("</header>")]
    assert "&lt;script&gt;alert(1)" in header and "<script>" not in header
    assert "«{css}»" in header and "2031" in header
    assert "Кафедра" not in header and "Проверил" not in header and "()" not in header


def test_smuggled_markup_neither_runs_nor_fetches(words: Words, show: Opener, tmp_path: Path) -> None:
    secret = tmp_path / "secret.svg"
    secret.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    html = (
        f'<body><section><img alt="" src="{secret.as_uri()}" onerror="document.title=\'bad\'">'
        f"<script>document.title = 'bad'</script><iframe src=\"{secret.as_uri()}\"></iframe>"
        f'<p style="background: url({secret.as_uri()})">текст</p></section></body>'
    )
    opened = show(web_page(html, TitlePage(), words))
    opened.page.wait_for_load_state("networkidle")
    assert opened.page.title() == words.work["title"]
    assert opened.page.evaluate("document.images[0].naturalWidth") == 0
    assert len([text for text in opened.complaints if "Content Security Policy" in text]) >= 3
