"""The columns in docs/results.md are those that the code declares."""

from __future__ import annotations

from tools.results_page import PAGE, columns


def test_the_page_agrees_with_the_declared_columns() -> None:
    assert columns() in PAGE.read_text(encoding="utf-8"), "run: python -m tools.results_page"
