"""A number of seconds has to become the same recipe every time, and has to be kept."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import UsageError
from study.networks import DEFAULT, VGG11, ModelName
from study.pretraining.recipe import MOST_IMAGES, MOST_SECONDS, Recipe, recipe_for


@given(
    model=st.sampled_from(DEFAULT),
    seconds=st.floats(70, 10_000),
    speed=st.floats(150, 20_000),
)
def test_the_prediction_fits_the_seconds_given(model: ModelName, seconds: float, speed: float) -> None:
    recipe = recipe_for(model, seconds, speed)
    assert recipe.predicted_seconds(speed) <= min(seconds, MOST_SECONDS)
    assert recipe.images <= MOST_IMAGES
    assert recipe.chance * recipe.gate < 1


@pytest.mark.parametrize("model", DEFAULT)
def test_more_seconds_never_buy_less(model: ModelName) -> None:
    recipes = [recipe_for(model, seconds, 300) for seconds in (40, 80, 120, 300, 900, 1800)]
    for smaller, larger in pairwise(recipes):
        assert smaller.samples < larger.samples
        assert smaller.categories <= larger.categories
        assert smaller.images <= larger.images


def test_too_few_seconds_are_refused_with_a_reason() -> None:
    with pytest.raises(UsageError, match="needs at least"):
        recipe_for(VGG11, 2, 300)


def test_the_hash_names_the_recipe() -> None:
    recipe = Recipe(model=VGG11, categories=32, instances=10, samples=640)
    same = Recipe(model=VGG11, categories=32, instances=10, samples=640)
    other = Recipe(model=VGG11, categories=32, instances=11, samples=640)
    assert recipe.hash == same.hash != other.hash


def test_a_small_difference_in_speed_mostly_keeps_the_recipe() -> None:
    kept = [
        recipe_for(VGG11, 80, speed) == recipe_for(VGG11, 80, speed * 1.02) for speed in range(200, 400, 10)
    ]
    assert sum(kept) >= 0.8 * len(kept)


@pytest.mark.parametrize(
    ("name", "value"), [("categories", 10), ("samples", 0), ("size", 16), ("solid", 1.5)]
)
def test_impossible_values_are_refused(name: str, value: float) -> None:
    values = {"model": VGG11, "categories": 32, "instances": 10, "samples": 640}
    with pytest.raises(UsageError, match=name):
        Recipe(**{**values, name: value})  # type: ignore[arg-type]
