"""Opens pages in a real Chromium that is cut off from the network, and notes what they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

#: Off: whatever a browser asks the network for on its own.
_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Runs Debian's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(_QUIET), timeout=300_000
        )
        yield browser
        browser.close()


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A page in the browser, what it asked for and what it complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def column(self, table: str, number: int) -> list[str]:
        cells = self.page.locator(f"#{table} tbody tr:visible td:nth-child({number})")
        return [text.strip() for text in cells.all_inner_texts()]


class Opener:
    """Opens HTML in pages of one browser; `close` ends those of one test."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._file = folder / "page.html"
        self._pages: list[Page] = []

    def __call__(self, html: str, *, width: int = 1280, dark: bool = False, js: bool = True) -> Opened:
        self._file.write_text(html, encoding="utf-8")
        page = self._browser.new_page(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=js,
        )
        self._pages.append(page)
        opened = Opened(page=page)
        page.on("request", lambda request: opened.requests.append(request.url))
        page.on("console", lambda message: opened.complaints.append(message.text))
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.goto(self._file.as_uri())
        return opened

    @property
    def address(self) -> str:
        return self._file.as_uri()

    def close(self) -> None:
        for page in self._pages:
            page.close()
