"""The method itself: intervals cover at their rate, and no effect brings few false claims."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from study.analysis.interval import (
    _distance,
    _distances,
    crossed_interval,
    crossed_p,
    detectable_effect,
    image_error,
    t_interval,
)
from study.analysis.verdicts import Family, Verdict, contrast_verdict

IMAGES = 2_000
ROUNDS = 300


def simulated(
    rng: np.random.Generator, *, seeds: int, effect_pp: float, noise_pp: float
) -> npt.NDArray[np.float64]:
    """[S, N] differences (pp) of two networks' hits on fresh images, with noise over seeds.

    An image is hard for both (shared), for one network (own), and for one run (chance), so
    seeds and images are crossed and interact.
    """
    spread = math.sqrt(1 + 0.4**2 + 0.3**2)
    shared = rng.normal(0, 1, IMAGES)
    hits = []
    for accuracy in (0.85 + effect_pp / 100, 0.85):
        own = rng.normal(0, 0.4, IMAGES)
        levels = accuracy + rng.normal(0, noise_pp / 100 / math.sqrt(2), (seeds, 1))
        chance = rng.normal(0, 0.3, (seeds, IMAGES))
        hits.append(shared + own + chance < stats.norm.ppf(levels) * spread)
    difference: npt.NDArray[np.float64] = 100 * (hits[0].astype(np.float64) - hits[1])
    return difference


@pytest.mark.parametrize("noise_pp", [0.3, 0.6])
def test_interval_covers_at_five_seeds(noise_pp: float) -> None:
    rng = np.random.default_rng(int(noise_pp * 100))
    hits = 0
    for _ in range(ROUNDS):
        differences = simulated(rng, seeds=5, effect_pp=1.0, noise_pp=noise_pp)
        low, high = crossed_interval(differences.mean(axis=1), image_error(differences))
        hits += low <= 1.0 <= high
    assert 0.91 <= hits / ROUNDS <= 0.988  # 0.95 with three Monte-Carlo errors (0.0126) either way


def test_no_effect_brings_at_most_five_percent_of_claims() -> None:
    rng = np.random.default_rng(3)
    claims = 0
    for _ in range(ROUNDS):
        differences = simulated(rng, seeds=5, effect_pp=0.0, noise_pp=0.5)
        per_seed = differences.mean(axis=1)
        images = image_error(differences)
        low, high = crossed_interval(per_seed, images)
        p_value = crossed_p(per_seed, images)
        verdict, _ = contrast_verdict(
            effect=float(per_seed.mean()),
            low=low,
            high=high,
            pairs=5,
            p_adjusted=p_value,
            family=Family.PRIMARY,
        )
        claims += verdict in (Verdict.BETTER, Verdict.WORSE)
    assert claims / ROUNDS <= 0.05


def test_percentile_bootstrap_of_seeds_would_be_too_narrow() -> None:
    """Why the correction is there: the plain percentile interval misses far too often."""
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(ROUNDS):
        sample = rng.normal(0, 0.5, 5)
        means = rng.choice(sample, (1_000, 5)).mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        hits += low <= 0 <= high
    assert hits / ROUNDS < 0.90


def test_limits_of_the_interval() -> None:
    rng = np.random.default_rng(5)
    per_seed = rng.normal(1, 0.3, 5)
    constant = np.repeat(per_seed[:, None], 50, axis=1)  # images carry no information
    assert crossed_interval(per_seed, image_error(constant)) == pytest.approx(t_interval(per_seed))
    assert all(map(math.isnan, crossed_interval(per_seed[:1], 0.0)))
    assert image_error(constant) == pytest.approx(0.0, abs=1e-9)
    assert crossed_p(np.zeros(5), 0.0) == 1.0
    assert crossed_p(np.ones(5), 0.0) == 0.0
    assert crossed_p(np.ones(5), 0.5) == pytest.approx(2 * stats.norm.sf(2))
    assert crossed_p(per_seed, 0.0) == pytest.approx(stats.ttest_1samp(per_seed, 0).pvalue)


@pytest.mark.parametrize("images", [0.0, 0.05, 0.3, 3.0])
def test_p_value_is_the_tail_of_the_interval(images: float) -> None:
    """Drawn here, integrated there: the same sum of a Student and a normal part."""
    rng = np.random.default_rng(6)
    per_seed = rng.normal(0.4, 0.3, 5)
    sample = rng.standard_t(4, 400_000) * stats.sem(per_seed) + rng.normal(0, images, 400_000)
    expected = float((np.abs(sample) >= abs(per_seed.mean())).mean())
    assert crossed_p(per_seed, images) == pytest.approx(expected, abs=0.003)


@given(
    values=st.lists(st.floats(-3, 3), min_size=2, max_size=12, unique=True),
    images=st.floats(0, 3),
    effect=st.floats(-4, 4),
)
def test_the_interval_excludes_zero_exactly_where_p_is_below_five_percent(
    values: list[float], images: float, effect: float
) -> None:
    per_seed = (np.array(values) - np.mean(values) + effect).round(6)  # an accuracy has no more digits
    low, high = crossed_interval(per_seed, images)
    p_value = crossed_p(per_seed, images)
    if abs(p_value - 0.05) > 1e-9:
        assert (low > 0 or high < 0) == (p_value < 0.05)


@pytest.mark.parametrize("ratio", [1e-4, 0.01, 0.3, 1.0, 5.0, 300.0, 1e5])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_tail_is_that_of_an_independent_integration(seeds: int, ratio: float) -> None:
    """Adaptive quadrature over Student's part, where the product integrates over the normal one."""
    per_seed = np.linspace(-1, 1, seeds) + 0.7
    error = float(stats.sem(per_seed))
    images = ratio * error

    def inside(u: float) -> float:  # t = sinh u, since the tails of two seeds are heavy
        t = math.sinh(u)
        above = stats.norm.sf((per_seed.mean() - t * error) / images)
        return float(stats.t.pdf(t, seeds - 1) * math.cosh(u) * above)

    steps = [math.asinh((0.7 + k * images) / error) for k in (-6, -2, 0, 2, 6)]
    edges = sorted({-40.0, -5.0, 0.0, 5.0, 40.0, *steps})
    parts = [
        integrate.quad(inside, a, b, epsabs=1e-13, epsrel=1e-11, limit=400)[0]
        for a, b in itertools.pairwise(edges)
    ]
    assert crossed_p(per_seed, images) == pytest.approx(2 * sum(parts), abs=1e-9)


@pytest.mark.parametrize("df", [1, 2, 9])
@pytest.mark.parametrize("images", [0.03, 0.3, 3.0])
def test_distances_between_few_points_are_those_of_each(df: int, images: float) -> None:
    errors = np.sqrt(stats.chi2.ppf((np.arange(40) + 0.5) / 40, df) / df)
    found = _distances(0.025, errors, df, images, exact=1e-10)
    for place in range(0, 40, 7):
        assert found[place] == pytest.approx(_distance(0.025, errors[place], df, images), rel=1e-6)


def test_detectable_effect_counts_images_and_tests() -> None:
    per_seed = np.array([0.1, 0.5, 0.2, 0.7, 0.4])
    alone = detectable_effect(per_seed, 0.0)
    error = float(stats.sem(per_seed))
    found = stats.nct.sf(stats.t.ppf(0.975, 4), 4, alone / error)
    assert found == pytest.approx(0.8, abs=0.003), "the power of the test is Student's, not central"
    assert detectable_effect(per_seed, 0.3) > alone
    assert detectable_effect(per_seed, 0.0, alpha=0.05 / 25) > 1.9 * alone
    assert math.isnan(detectable_effect(per_seed[:1], 0.0))
    assert detectable_effect(np.ones(3), 0.0) == 0.0
