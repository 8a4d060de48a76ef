"""Reading the page in a real browser: the answers first, zoom, theme, copied links, previews."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from playwright.sync_api import Browser
from reading import WIDTHS, choose_theme, fits, is_light, width_of

from study.report.locale.messages import Words

if TYPE_CHECKING:
    from reading import Reader


@pytest.mark.parametrize("width", WIDTHS)
def test_the_answers_come_first(width: int, read: Reader, words: Words) -> None:
    page = read(width)
    first = page.locator("main :is(h1, h2, h3)").first
    assert first.inner_text() == words.screen["brief"]["title"]
    assert "верных ответов" in page.locator("main p").first.inner_text()
    cards = page.locator(".answers > li")
    assert cards.count() == 7
    verdicts = set(words.verdict.values())
    for number in range(7):
        card = cards.nth(number)
        assert any(verdict in card.locator(".verdict").inner_text() for verdict in verdicts)
        assert card.locator(".more").get_attribute("href") == f"#sec-5-{number + 1}"
    top = cards.first.bounding_box()
    assert top and top["y"] < (1400 if width == 360 else 900)
    champion = pd.read_csv(io.StringIO(read.files["results.csv"])).query("role == 'champion'")
    accuracy = f"{100 * champion['test_accuracy'].iloc[0]:.2f}".replace(".", ",")
    assert accuracy in page.locator(".scores dd").first.inner_text()
    assert fits(page)


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_zoom_by_keyboard_and_by_mouse(width: int, read: Reader, words: Words) -> None:
    page = read(width)
    figure = page.locator("#fig-contrasts")
    before = width_of(figure.locator("img"))
    opener = figure.get_by_role("button", name=words.screen["labels"]["enlarge"])
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_text("Эффекты главных сравнений").is_visible()
    picture = dialog.get_by_role("img")
    fitting = width_of(picture)
    assert fitting > 1.2 * before
    page.keyboard.press("+")
    assert width_of(picture) > 1.2 * fitting
    page.keyboard.press("0")
    assert width_of(picture) <= fitting
    for _ in range(6):  # the focus stays inside
        page.keyboard.press("Tab")
        assert page.evaluate("!document.hasFocus() || !document.activeElement.closest('main, header, nav')")
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    assert opener.evaluate("(button) => button === document.activeElement")
    figure.locator("img").click()
    dialog.get_by_role("button", name=words.screen["labels"]["close"]).click()
    assert page.get_by_role("dialog").count() == 0
    assert opener.evaluate("(button) => button === document.activeElement")


def test_the_theme_follows_the_system_until_it_is_chosen(read: Reader, words: Words) -> None:
    labels = words.screen["labels"]
    page = read(768, color_scheme="dark")
    assert not is_light(page)
    assert page.get_by_role("radio", name=labels["system"]).is_checked()
    choose_theme(page, labels["light"])
    assert is_light(page)
    page.reload()
    assert is_light(page) and page.get_by_role("radio", name=labels["light"]).is_checked()
    choose_theme(page, labels["system"])
    assert not is_light(page)
    page.emulate_media(color_scheme="light")
    assert is_light(page)
    page.get_by_role("radio", name=labels["system"]).focus()
    page.keyboard.press("ArrowLeft")
    assert not is_light(page) and page.get_by_role("radio", name=labels["dark"]).is_checked()
    page.emulate_media(media="print", color_scheme="dark")
    assert is_light(page)
    page.evaluate("localStorage.clear()")


def test_a_frame_without_storage_has_themes_too(
    browser: Browser, pages: Path, tmp_path: Path, words: Words
) -> None:
    """A notebook shows the page in a frame that may run scripts and nothing else."""
    content = (pages / "report.html").read_text(encoding="utf-8")
    content = content.replace("&", "&amp;").replace('"', "&quot;")
    frame_tag = f'<iframe sandbox="allow-scripts" width="900" height="700" srcdoc="{content}"></iframe>'
    outer = tmp_path / "notebook.html"
    outer.write_text(f'<meta charset="utf-8">{frame_tag}', encoding="utf-8")
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(outer.as_uri())
    frame = page.frames[1]
    frame.get_by_role("radio", name=words.screen["labels"]["dark"]).check(force=True)
    paper = frame.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(22, 24, 28)"
    assert complaints == []
    page.close()


def test_the_address_of_a_heading_is_copied(read: Reader, words: Words) -> None:
    page = read(1440)
    copier = page.get_by_role("button", name=re.compile(rf"^{words.screen['labels']['link']}: 4\.4"))
    copier.focus()
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text(words.screen["labels"]["copied"]).wait_for()
    # Pasted, because reading the clipboard needs a permission.
    page.locator("#tab-runs input").focus()
    page.keyboard.press("Control+V")
    address = page.locator("#tab-runs input").input_value()
    assert address == f"{read.address}#sec-4-4"
    page.goto("about:blank")
    page.goto(address)
    assert 0 <= page.locator("#sec-4-4").evaluate("(h) => h.getBoundingClientRect().top") < 200
    code = page.locator("#lst-reproduce").get_by_role("button")
    code.click()
    page.locator("#tab-runs input").focus()
    page.keyboard.press("Control+V")
    assert "python run_study.py report" in page.locator("#tab-runs input").input_value()


def test_citations_figures_and_tables_are_previewed(read: Reader) -> None:
    page = read(1440)
    preview = page.get_by_role("tooltip")
    source = page.locator("main p a[href='#source-1']").first
    source.hover()
    preview.wait_for()
    assert "Fashion-MNIST" in preview.inner_text()
    assert source.get_attribute("aria-describedby") == "preview"
    preview.hover()  # it can be reached without vanishing
    page.wait_for_timeout(400)
    assert preview.is_visible()
    page.keyboard.press("Escape")
    assert preview.count() == 0 and source.get_attribute("aria-describedby") is None
    page.keyboard.press("Tab")  # from here on the focus is that of a keyboard
    for address, part in (("#fig-contrasts", "img"), ("#tab-runs", "table"), ("#eq-rates", "img")):
        page.locator(f"main p a[href='{address}']").first.focus()
        preview.wait_for()
        assert preview.locator(part).is_visible()
        box = preview.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 1440
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    page.evaluate("document.activeElement.blur()")
    assert preview.count() == 0


def test_numbers_lead_to_the_only_row_that_has_them(read: Reader, words: Words) -> None:
    page = read(1440)
    found = page.evaluate(
        """[...document.querySelectorAll("a.number")].map((link) => {
          const row = document.getElementById(link.hash.slice(1));
          const having = [...row.parentElement.rows].filter((other) => [...other.cells].some((cell) =>
            cell.textContent.split(/[^\\d,.+−]+/).includes(link.textContent)));
          return [link.textContent, having.length, having[0] === row];
        })"""
    )
    assert len(found) > 10
    assert [each for each in found if each[1:] != [1, True]] == []
    page.keyboard.press("Tab")
    link = page.locator(".answers a.number[href^='#row-tab-contrasts']").first
    link.focus()
    preview = page.get_by_role("tooltip")
    preview.wait_for()
    assert words.screen["labels"]["row"] in preview.inner_text()
    assert link.inner_text() in preview.locator(".hit").inner_text()


def test_a_number_opens_the_folded_table_of_its_row(read: Reader) -> None:
    page = read(360)
    link = page.locator(".answers a.number[href^='#row-tab-contrasts']").first
    row = page.locator(str(link.get_attribute("href")))
    assert not row.is_visible()
    link.click()
    assert row.is_visible()
    box = row.bounding_box()
    assert box and 0 <= box["y"] < 800
    assert fits(page)
