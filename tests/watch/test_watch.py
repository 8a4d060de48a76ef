"""The page that watches a study, in a real browser, and who may ask for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.hostile.ledger import RECORD
from study.errors import UsageError
from study.store.ledger import LEDGER, Ledger
from study.watch.server import WatchServer
from study.watch.snapshot import snapshot


@contextmanager
def serving(folder: Path, lang: str = "ru") -> Iterator[WatchServer]:
    with WatchServer(folder, lang=lang) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """The ledger of a study that trains one network and has finished none."""
    made = Ledger(tmp_path / LEDGER)
    made.set_fact("plan", {"budget_seconds": 600.0, "phases": []})
    made.set_fact("used_seconds", 90.0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 360, "height": 800})
    yield opened
    opened.close()


def test_what_a_study_commits_appears_by_itself(tmp_path: Path, ledger: Ledger, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with serving(tmp_path) as server:
        page.goto(server.address)
        expect(page.locator("#clock")).to_have_text(
            "израсходовано 0:01:30 из 0:10:00, осталось 0:08:30; закончено обучений: 0"
        )
        expect(page.locator("#mood")).to_have_text("не идёт")
        assert page.locator("#arms tr").count() == 0
        ledger.commit(RECORD)
        expect(page.locator("#arms tr")).to_have_count(1, timeout=10_000)
        expect(page.locator("#curves svg circle")).to_have_count(1)
        accuracy = f"{100 * (RECORD.test_accuracy or 0):.1f}".replace(".", ",")
        expect(page.locator("#arms tr td").last).to_have_text(f"{accuracy} %")
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    expect(page.locator("#mood")).to_have_text("страница потеряла программу", timeout=10_000)
    assert [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text] == []


def test_a_study_may_begin_after_the_page(tmp_path: Path, page: Page) -> None:
    folder = tmp_path / "results"
    with serving(folder, "en") as server:
        page.goto(server.address)
        expect(page.locator("#mood")).to_have_text("there is no study yet")
        assert not folder.exists()
        folder.mkdir()
        ledger = Ledger(folder / LEDGER)
        ledger.set_fact("plan", {"budget_seconds": 60.0})
        expect(page.locator("#clock")).to_contain_text("0:01:00", timeout=10_000)
        ledger.close()


def test_only_who_has_the_address_is_answered(tmp_path: Path, ledger: Ledger) -> None:
    with serving(tmp_path) as server:
        own = f"127.0.0.1:{server.server_port}"
        asked = f"/state.json?token={server.token}"
        assert _status(server, "GET", asked, own) == 200
        assert _status(server, "GET", "/state.json", own) == 403
        assert _status(server, "GET", f"{asked}x", own) == 403
        assert _status(server, "GET", "/?token=%D1%8F", own) == 403
        # A page of the internet whose name was made to point here.
        assert _status(server, "GET", asked, f"evil.example:{server.server_port}") == 403
        assert _status(server, "GET", f"/../{LEDGER}?token={server.token}", own) == 404
        assert _status(server, "POST", asked, own) == 501
        assert server.server_address[0] == "127.0.0.1"


def _status(server: WatchServer, method: str, path: str, host: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={"Host": host})
    status = connection.getresponse().status
    connection.close()
    return status


def test_looking_writes_nothing_and_a_damaged_ledger_is_told(tmp_path: Path, ledger: Ledger) -> None:
    ledger.commit(RECORD)
    ledger.set_fact("running", [{"name": "x", "since": 0.0, "points": [[64, 2.0, 0.5], [64, 2.0, 0.5]]}])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    state = json.loads(json.dumps(snapshot(tmp_path)))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert state["running"][0]["points"] == [[64, 2.0, 0.5]]
    assert [arm["arm"] for arm in state["arms"]] == [RECORD.spec.arm.name]
    ledger.close()
    (tmp_path / LEDGER).write_bytes(b"no database" * 1000)
    assert "problem" in snapshot(tmp_path) and snapshot(tmp_path)["problem"]


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with WatchServer(tmp_path) as server, pytest.raises(UsageError, match=re.escape("leave it away")):
        WatchServer(tmp_path, port=server.server_port)
