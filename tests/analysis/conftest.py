"""Fixtures: studies with a known truth, planted and analysed once for the whole session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from planting import Planted, plant
from rendering import render_answer

from study.analysis import Analysis, write_analysis


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Planted], tuple[Path, Analysis]]:
    """Results directory (to be read only) and analysis of a planted study."""

    @cache
    def planted(truth: Planted) -> tuple[Path, Analysis]:
        folder = plant(tmp_path_factory.mktemp("planted"), truth)
        return folder, write_analysis(folder, seed=0)

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
