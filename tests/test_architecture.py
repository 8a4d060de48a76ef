"""The picture in docs/architecture.md shows the imports as they are."""

from __future__ import annotations

from tools.architecture import PAGE, edges, mermaid, reduced


def test_the_picture_agrees_with_the_imports() -> None:
    assert mermaid() in PAGE.read_text(encoding="utf-8"), "run: python -m tools.architecture"


def test_arrows_that_follow_from_others_are_left_out() -> None:
    assert reduced({("a", "b"), ("b", "c"), ("a", "c")}) == {("a", "b"), ("b", "c")}


def test_every_package_is_described() -> None:
    text = PAGE.read_text(encoding="utf-8")
    packages = {name for pair in edges() for name in pair} - {"basics", "system"}
    assert [name for name in sorted(packages) if f"`{name}`" not in text] == []
