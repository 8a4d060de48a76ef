"""A small round of benchmarks/validity.py: whole simulated studies through the real analysis."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.simulated import World, quantile, simulate
from benchmarks.validity import Cell, cells, judge, summarise
from benchmarks.validity_page import COVERAGE_PP, publish
from study.analysis.contrasts import estimate

#: Fewer images make their choice matter more than in a real study: the harder case.
SMALL = Cell(seeds=5, effect_pp=0.0, studies=60, rng_seed=1, images=1_000)


def simulated(cell: Cell) -> dict[str, Any]:
    return summarise(cell, [judge((cell, index)) for index in range(cell.studies)])


@pytest.fixture(scope="module")
def null() -> Callable[[int], dict[str, Any]]:
    """Number of seeds → summary of studies without any effect."""
    return lru_cache(lambda seeds: simulated(replace(SMALL, seeds=seeds)))


#: Numbers of seeds; `make test-long` has the others.
few_seeds = pytest.mark.parametrize("seeds", [5, pytest.param(10, marks=pytest.mark.long)])


@pytest.fixture(scope="module")
def planted() -> dict[str, Any]:
    return simulated(replace(SMALL, effect_pp=1.0))


def test_truth_is_what_is_planted() -> None:
    truth = World(seeds=2, effect_pp=0.5, noise_pp=0.3).truth()
    twice = {"init@full", "scope@pretrained", "lr_policy@pretrained"}
    assert truth == {key: pytest.approx(1.0 if key[0] in twice else 0.5) for key in truth}
    assert len(truth) == 25


def test_simulated_accuracy_is_the_planted_one() -> None:
    rng = np.random.default_rng(0)
    world = World(seeds=20, effect_pp=2.0, noise_pp=0.3, images=20_000)
    assert quantile(0.78) < quantile(0.9)
    found = {(item.name, item.model): item.per_seed.mean() for item in estimate(*_parts(world, rng))}
    assert found == {key: pytest.approx(value, abs=1.0) for key, value in world.truth().items()}
    mean = simulate(world, rng).rungs.groupby(["model", "init", "lr_policy"])["test_accuracy"].mean()
    assert mean["vgg11", "scratch", "none"] == pytest.approx(0.78, abs=0.01)


def _parts(world: World, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    study = simulate(world, rng)
    return study.rungs, study.predictions, study.labels


def _covers(summary: dict[str, Any]) -> None:
    coverage = np.array([row["coverage"] for row in summary["rows"]])
    assert 0.93 <= coverage.mean() <= 0.985
    assert coverage.min() >= 0.95 - 4.5 * math.sqrt(0.95 * 0.05 / SMALL.studies)


@few_seeds
def test_intervals_cover_where_there_is_no_effect(
    null: Callable[[int], dict[str, Any]], seeds: int
) -> None:
    _covers(null(seeds))


@pytest.mark.long
def test_intervals_cover_where_there_is_an_effect(planted: dict[str, Any]) -> None:
    _covers(planted)


@few_seeds
def test_no_effect_brings_few_false_claims(null: Callable[[int], dict[str, Any]], seeds: int) -> None:
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / SMALL.studies)
    family = null(seeds)["family"]
    assert family["false_direction"] <= limit
    # The paired t-test over seeds answers for these images only, and is far above.
    assert family["false_direction_seeds_only"] > limit


@pytest.mark.long
def test_three_seeds_claim_no_more_than_five(null: Callable[[int], dict[str, Any]]) -> None:
    family = null(3)["family"]
    assert family["false_direction"] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / SMALL.studies)
    assert family["excludes_zero"] < 0.07


@pytest.mark.long
def test_planted_effects_are_recovered(planted: dict[str, Any]) -> None:
    for row in planted["rows"]:
        assert abs(row["bias_pp"]) < 4.5 * row["bias_error_pp"], row


@pytest.mark.long
def test_equivalence_is_not_claimed_where_it_is_false(planted: dict[str, Any]) -> None:
    """Every true effect here is at the margin or beyond."""
    for row in planted["rows"]:
        assert row["truth_pp"] >= 1 - 1e-9
        assert row["equivalent"] <= 0.025 + 4.5 * math.sqrt(0.025 * 0.975 / SMALL.studies)


def test_cells_and_page(tmp_path: Path) -> None:
    wanted = list(cells(1_000, 1))
    assert {c.studies for c in wanted if c.effect_pp in COVERAGE_PP and c.seeds == 5} == {1_000}
    assert {(c.seeds, c.unequal, c.missing, c.images) for c in wanted if c.harder} >= {
        (3, True, 0.0, 10_000),
        (4, False, 0.1, 10_000),
        (5, False, 0.0, 1_000),
    }
    few = [
        simulated(replace(SMALL, seeds=seeds, effect_pp=effect, studies=3, images=300))
        for effect in (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
        for seeds in (3, 5, 10)
    ]
    hard = replace(SMALL, studies=3, images=300, harder=True)
    few += [simulated(cell) for cell in (hard, replace(hard, unequal=True), replace(hard, missing=0.2))]
    page = tmp_path / "validity.md"
    page.write_text("before\n<!-- validity -->\nold\n<!-- /validity -->\nafter\n", encoding="utf-8")
    publish({"cells": few}, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before") and text.endswith("after\n") and "old" not in text
    assert "nan" not in text and "init×lr_policy" in text and "54 studies" in text
    assert "| noise of the arms 0.07–3.3 pp | 5 | 3 |" in text and "| 20 % of the runs are lost |" in text
    assert (tmp_path / "validity.svg").stat().st_size > 1_000
