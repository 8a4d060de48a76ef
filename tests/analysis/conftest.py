"""Fixtures: studies with a known truth, planted and analysed once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from planting import Planted, plant
from rendering import render_answer
from shared import Shared

from study.analysis import Analysis, write_analysis


@pytest.fixture(scope="module")
def study(shared: Shared) -> Callable[[Planted], tuple[Path, Analysis]]:
    """Results directory (to be read only) and analysis of a planted study."""

    @cache
    def planted(truth: Planted) -> tuple[Path, Analysis]:
        name = f"planted-{sha256(repr(truth).encode()).hexdigest()[:16]}"
        folder = shared.folder(name, lambda folder: plant(folder, truth))
        return folder, shared.value(f"{name}-analysis", lambda: write_analysis(folder))

    return planted


@pytest.fixture
def analysed(
    study: Callable[[Planted], tuple[Path, Analysis]],
) -> Callable[[Planted], Analysis]:
    return lambda truth: study(truth)[1]


@pytest.fixture
def answer(
    study: Callable[[Planted], tuple[Path, Analysis]],
) -> Callable[[str, Planted, str], str]:
    """The words of one answer in one language, tags and line breaks removed."""
    return lambda name, truth, lang: render_answer(study(truth)[0], name, lang)
