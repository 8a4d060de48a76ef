"""The page of a whole study as a reader has it, made without Matplotlib, and what tests ask of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planted import plant
from playwright.sync_api import Locator, Page

from study.analysis import analyse
from study.report.data.report_data import ReportData
from study.report.figures.style import Drawing, empty_drawing
from study.report.html.files import csv_files
from study.report.html.page import web_page
from study.report.locale.messages import read_words
from study.report.text.title_page import TitlePage

if TYPE_CHECKING:
    from conftest import Composer

#: A phone, a tablet and a desktop.
WIDTHS = (360, 768, 1440)
_PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="624" height="288" viewBox="0 0 624 288">'
    b'<rect width="624" height="288" fill="#ccc"/><circle cx="300" cy="140" r="90"/></svg>'
)
#: Some of the figures of a report; the page does not care what they show.
_FIGURES = ("tuning", "arms", "contrasts", "lengths")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A page that all tests of a file share; calling it loads the page anew.

    Attributes:
        page: the page in the browser.
        address: the address of its file.
        files: the texts of the tables that it embeds.
    """

    page: Page
    address: str
    files: dict[str, str]

    def __call__(self, width: int, place: str = "", **media: Any) -> Page:
        settings = {"media": "null", "color_scheme": "light", "reduced_motion": "no-preference", **media}
        self.page.emulate_media(**settings)
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.goto("about:blank")
        self.page.goto(self.address + place)
        return self.page


def write_reading(folder: Path, composer: Composer) -> None:
    """Writes the Russian page of a planted study, and the texts of the tables that it embeds."""
    data = ReportData.of(analyse(plant(folder / "results", seeds=2, trials=2, artifacts=False)))
    drawing = replace(empty_drawing(), data=_PICTURE, media="image/svg+xml", width_mm=165.0, height_mm=76.0)
    drawings: dict[str, Drawing] = dict.fromkeys(_FIGURES, drawing)
    files = csv_files(data.analysis)
    text = composer(data, drawings=drawings)
    page = web_page(text, TitlePage(year="2031"), read_words("ru"), files=files)
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "files.json").write_text(json.dumps(files), encoding="utf-8")


def fits(page: Page) -> bool:
    """Tells whether the page does not scroll sideways."""
    return bool(page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"))


def width_of(element: Locator) -> float:
    return float(element.evaluate("(element) => element.getBoundingClientRect().width"))


def is_light(page: Page) -> bool:
    """Tells whether the page is dark on light."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return min(int(part) for part in re.findall(r"\d+", colour)[:3]) > 200


def choose_theme(page: Page, theme: str) -> None:
    """Chooses a theme by its name; the sign beside it covers the radio button itself."""
    page.get_by_role("radio", name=theme).check(force=True)
