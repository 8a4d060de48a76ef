"""Whether everyone can use the page: names, keyboard, contrast, motion, and the words of both languages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from playwright.sync_api import Page
from reading import WIDTHS, choose_theme, is_light

from study.report.locale.messages import TEMPLATES, Words

if TYPE_CHECKING:
    from reading import Reader

#: Roles of what a reader uses or hears the name of.
_NAMED = {"button", "link", "radio", "searchbox", "combobox", "image", "DisclosureTriangle", "navigation"}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_accessibility_tree_names_everything(width: int, read: Reader, words: Words) -> None:
    page = read(width)
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    seen: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            role = node.get("role", {}).get("value", "")
            seen.setdefault(role, []).append(node.get("name", {}).get("value", "").strip())
    assert [role for role in _NAMED for name in seen.get(role, []) if not name] == []
    assert {"banner", "main", "navigation", "heading", "button", "radio", "image"} <= set(seen)
    assert len(seen["main"]) == len(seen["banner"]) == 1
    # The signs on buttons are not read, and every heading keeps its own name.
    assert words.screen["brief"]["title"] in seen["heading"]
    assert not [name for name in seen["heading"] if words.screen["labels"]["link"] in name]
    copiers = [name for name in seen["button"] if name.startswith(words.screen["labels"]["link"])]
    assert len(copiers) == len(set(copiers)) == len([n for n in seen["heading"]]) - 1  # not the title
    folded = seen.get("DisclosureTriangle", [])
    assert (len(folded) > 15) is (width == 360)


def _press_tab(page: Page, count: int) -> list[dict[str, Any]]:
    """Returns what has the focus after each of so many tabs, and the ring around it."""
    found = []
    for _ in range(count):
        page.keyboard.press("Tab")
        found.append(
            page.evaluate(
                """() => {
                  const focused = document.activeElement;
                  const ringed = focused.matches(".theme input") ? focused.nextElementSibling : focused;
                  const { outlineStyle, outlineWidth } = getComputedStyle(ringed);
                  const box = ringed.getBoundingClientRect();
                  return { tag: focused.tagName, name: focused.textContent.trim().slice(0, 40),
                    ring: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
                    seen: box.bottom > 0 && box.top < innerHeight };
                }"""
            )
        )
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_the_keyboard_reaches_everything_with_a_ring(width: int, read: Reader) -> None:
    page = read(width)
    found = _press_tab(page, 5)
    assert found[0]["name"].startswith("Перейти")
    assert "INPUT" in {each["tag"] for each in found}  # of the themes
    page.locator("main").focus()
    found += _press_tab(page, 14)
    page.evaluate("document.querySelector('#tab-runs details').open = true")
    page.locator("#tab-runs input").focus()
    found += _press_tab(page, 8)
    assert {"A", "BUTTON", "SELECT"} <= {each["tag"] for each in found}
    assert [each for each in found if not each["ring"] or not each["seen"]] == []


_CONTRASTS = """() => {
  const parts = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255).map((v) =>
      v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest("script, .unseen, .skip")) continue;
    count += 1;
    const style = getComputedStyle(element);
    const [a, b] = [light(parts(style.color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return [count, [...poor]];
}"""


@pytest.mark.parametrize("theme", ("light", "dark"))
def test_every_text_has_contrast_in_both_themes(theme: str, read: Reader, words: Words) -> None:
    page = read(1440)
    choose_theme(page, words.screen["labels"][theme])
    assert is_light(page) is (theme == "light")
    page.keyboard.press("Tab")
    page.locator(".answers a.number").first.focus()
    page.get_by_role("tooltip").wait_for()
    count, poor = page.evaluate(_CONTRASTS)
    assert count > 500 and poor == []
    page.evaluate("localStorage.clear()")


def test_nothing_moves_for_those_who_want_no_motion(read: Reader) -> None:
    moving = """[...document.querySelectorAll("*")].filter((element) => {
      const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
      return parseFloat(transitionDuration) > 0 || animationName !== "none" || scrollBehavior === "smooth";
    }).length"""
    assert read(1440).evaluate(moving) > 0
    assert read(1440, reduced_motion="reduce").evaluate(moving) == 0


@pytest.mark.parametrize("lang", ("ru", "en"))
def test_every_label_is_used_and_every_word_of_the_scripts_is_given(lang: str) -> None:
    texts = yaml.safe_load((TEMPLATES / lang / "words.yaml").read_text(encoding="utf-8"))
    scripts = "".join(path.read_text(encoding="utf-8") for path in (TEMPLATES / "screen").glob("*.js"))
    used = set(re.findall(r"\bwords\.(\w+)", scripts)) | set(re.findall(r'"(light|dark|system)"', scripts))
    assert used - {"decimal", "group"} == set(texts["screen"]["labels"])
