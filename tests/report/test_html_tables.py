"""Tables of the page in a real browser: filters, sticky columns, saved files, and what a phone folds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pypdfium2
import pytest
from playwright.sync_api import Browser
from reading import choose_theme

from study.report.html.page import web_page
from study.report.locale.messages import Words, read_words
from study.report.text.title_page import TitlePage

if TYPE_CHECKING:
    from reading import Reader


def test_runs_are_found_by_choices_and_by_numbers(read: Reader, words: Words) -> None:
    page = read(768)
    names, levels = words.screen["filters"], words.screen["levels"]
    table = pd.read_csv(io.StringIO(read.files["results.csv"]))
    runs = page.locator("#tab-runs")
    status = runs.get_by_role("status")

    def left(expected: pd.Series[bool]) -> None:
        count = int(expected.sum())
        shown = words.screen["labels"]["shown"].format(shown=count, all=len(table))
        assert status.inner_text() == shown
        assert runs.locator("tbody tr:visible").count() == count

    def choose(name: str, value: str) -> None:
        runs.get_by_role("combobox", name=names[name], exact=True).select_option(label=value)

    left(table["seed"] >= 0)
    choose("model", words.model["vgg11"])
    vgg = table["model"] == "vgg11"
    left(vgg)
    choose("scope", levels["full"])
    choose("init", levels["pretrained"])
    whole = vgg & (table["scope"] == "full") & (table["init"] == "pretrained")
    left(whole)
    choose("rates", levels["discriminative"])
    left(whole & (table["lr_policy"] == "discriminative"))
    choose("seed", "1")
    left(whole & (table["lr_policy"] == "discriminative") & (table["seed"] == 1))
    for name in names:
        choose(name, words.screen["labels"]["every"])
    field = runs.get_by_role("searchbox")
    printed = table[["val_accuracy", "train_accuracy", "test_accuracy"]].map(lambda x: f"{100 * x:.2f}")
    exact = printed["test_accuracy"].iloc[0]
    percent = exact.partition(".")[0]
    field.fill("VGG11 1")
    assert 0 < runs.locator("tbody tr:visible").count() < vgg.sum()
    field.fill(percent)
    whole_numbers = table[["train_seconds", "rung", "seed"]].map(lambda x: f"{x:.0f}")
    left((pd.concat([printed.map(lambda text: text[:-3]), whole_numbers], axis=1) == percent).any(axis=1))
    for text in (exact, exact.replace(".", ",")):
        field.fill(text)
        left((printed == exact).any(axis=1))
    field.fill("\u00a0".join(f"{table['rung'].iloc[0]:,}".split(",")))
    left(table["rung"] == table["rung"].iloc[0])


def test_english_numbers_are_sorted_and_a_third_click_restores_the_order(
    browser: Browser, tmp_path: Path
) -> None:
    rows = "".join(f'<tr><td class="n">{n}</td></tr>' for n in ("54,000", "6,000", "10.5", "−3", "700"))
    head = "<thead><tr><th>N</th></tr></thead>"
    html = (
        '<body><section><div class="tablebox" id="tab-x"><p class="tcaption">N</p>'
        f'<table class="sortable">{head}<tbody>{rows}</tbody></table></div></section></body>'
    )
    path = tmp_path / "english.html"
    path.write_text(web_page(html, TitlePage(), read_words("en")), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    cells = page.locator("#tab-x td")
    before = cells.all_inner_texts()
    page.click("#tab-x thead button")
    assert cells.all_inner_texts() == ["−3", "10.5", "700", "6,000", "54,000"]
    page.click("#tab-x thead button")
    page.click("#tab-x thead button")
    assert cells.all_inner_texts() == before
    page.close()


@pytest.mark.parametrize("width", (360, 768))
def test_the_first_columns_stay_in_sight(width: int, read: Reader) -> None:
    page = read(width, "#tab-runs")
    moved = page.evaluate(
        """() => {
          const frame = document.querySelector("#tab-runs .scroll");
          const cells = [...frame.querySelector("tbody tr").cells].slice(0, 3);
          const places = () => cells.map((cell) => Math.round(cell.getBoundingClientRect().left));
          const before = places();
          frame.scrollLeft = 120;
          return places().map((place, index) => place - before[index]);
        }"""
    )
    assert moved[:2] == [0, 0] and moved[2] < 0


def test_tables_are_saved_from_the_page(read: Reader, tmp_path: Path) -> None:
    page = read(1440)
    links = page.locator("#files").locator("xpath=ancestor::section").locator("li a")
    assert links.all_inner_texts() == list(read.files)
    for place in ("#file-results a", "#tab-trials .save a"):
        with page.expect_download() as saving:
            page.click(place)
        name = saving.value.suggested_filename
        saving.value.save_as(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == read.files[name]
    saved = pd.read_csv(tmp_path / "results.csv")
    assert len(saved) == 25 and saved["test_accuracy"].between(0.5, 1).all()


def test_a_phone_begins_with_half_of_the_page(read: Reader, words: Words) -> None:
    page = read(360)
    height = "document.documentElement.scrollHeight"
    short = page.evaluate(height)
    page.get_by_role("button", name=words.screen["labels"]["unfold"]).click()
    page.get_by_role("button", name=words.screen["labels"]["fold"], exact=True).wait_for()
    assert short <= 0.5 * page.evaluate(height)
    page.set_viewport_size({"width": 1440, "height": 800})
    assert page.locator(".fold > summary:visible").count() == 0
    assert page.locator("#tab-trials table").is_visible()


def test_what_is_folded_is_found_by_search_and_by_links(read: Reader) -> None:
    code = "python%20run_study.py%20report%20%2D%2Dtitle%2Dpage"
    page = read(360, f"#:~:text={code}")
    listing = page.locator("#lst-reproduce pre")
    page.wait_for_function("document.querySelector('#lst-reproduce pre').checkVisibility()")
    assert listing.is_visible()
    page = read(360)
    text = page.locator("#sec-3-1").locator("xpath=../following-sibling::details[1]/p[1]")
    assert not text.is_visible()
    page.click(".menu summary")
    page.click(".menu a[href='#sec-3-1']")
    assert text.is_visible()
    page.locator("#sec-3-2").locator("xpath=../following-sibling::details[1]/summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#sec-3-2").locator("xpath=../following-sibling::details[1]/p[1]").is_visible()


def test_paper_is_light_and_has_what_is_folded(read: Reader, words: Words) -> None:
    page = read(360, color_scheme="dark")
    choose_theme(page, words.screen["labels"]["dark"])
    document = pypdfium2.PdfDocument(page.pdf(prefer_css_page_size=True))
    text = " ".join(sheet.get_textpage().get_text_range() for sheet in document)
    assert "python run_study.py report --title-page" in text.replace("\r\n", " ")
    assert "Испытания при подборе гиперпараметров" in text
    assert words.screen["fold"]["section"] not in text and words.screen["labels"]["theme"] not in text
    image = document[len(document) // 2].render(scale=0.2, grayscale=True).to_numpy()
    assert image[0].min() > 240 and (image > 200).mean() > 0.5
    document.close()
    page.evaluate("localStorage.clear()")


#: Roles of what a reader uses or hears the name of.
