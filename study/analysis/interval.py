"""Intervals that stay honest with a handful of seeds.

The crossed bootstrap resamples seeds and test images together. Two things go wrong with it
at 3–5 seeds: a percentile interval of so few values is far too narrow (their bootstrap
variance lacks the factor n/(n − 1) and their quantiles are normal ones, not Student's), and
the seed × image interaction is counted three times (Owen 2007, The pigeonhole bootstrap).
Here the two directions are kept apart and added:

    draw = effect + T·se_seed + image deviation

T is Student's t with n − 1 degrees of freedom (stratified draws), se_seed the standard error
over seeds, and the image deviation a plain bootstrap of the per-image mean difference,
shrunk so that the variance is that of the two-way layout, V_seed + V_image − V_interaction.
The p-value and the detectable effect are read off the same sum. How often intervals cover and
claims are false is simulated by `python -m benchmarks.validity` and shown in docs/validity.md.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

Array = npt.NDArray[np.float64]

DRAWS = 4_000
CONFIDENCE = 0.95
_ZERO = 1e-12
#: Nodes and weights for integrals over a standard normal variable.
_NORMAL = np.linspace(-8.0, 8.0, 321)
_WEIGHTS = stats.norm.pdf(_NORMAL) / stats.norm.pdf(_NORMAL).sum()


def t_interval(values: Array) -> tuple[float, float]:
    """Student's 95 % interval of the mean; (nan, nan) for fewer than two values."""
    if values.size < 2:
        return math.nan, math.nan
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, values.size - 1)) * standard_error(values)
    centre = float(values.mean())
    return centre - half, centre + half


def standard_error(values: Array) -> float:
    return float(values.std(ddof=1)) / math.sqrt(values.size)


def crossed_interval(
    per_seed: Array, per_image: Array | None, rng: np.random.Generator, *, draws: int = DRAWS
) -> tuple[float, float]:
    """95 % interval of the mean over seeds and test images.

    Args:
        per_seed: [S] effect of every seed.
        per_image: [S, N] effect of every seed on every image in the same units, its mean over
            images being per_seed; None leaves the images out (no predictions stored).
        rng: source of the draws.
        draws: number of draws.

    Returns:
        Low and high end; (nan, nan) for one seed.
    """
    seeds = per_seed.size
    if seeds < 2:
        return math.nan, math.nan
    if per_image is None:
        return t_interval(per_seed)
    levels = (np.arange(draws) + 0.5) / draws
    student = rng.permutation(stats.t.ppf(levels, seeds - 1)) * standard_error(per_seed)
    sample = float(per_seed.mean()) + student + _image_deviations(per_image, rng, draws)
    low, high = np.quantile(sample, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def image_error(per_image: Array | None) -> float:
    """Standard error that the choice of test images adds to the mean over seeds.

    The variance of the per-image means also holds the seed × image interaction, which the
    spread over seeds already contains; it is taken off.

    Args:
        per_image: [S, N] effect of every seed on every image, S ≥ 2; None for no predictions.
    """
    if per_image is None:
        return 0.0
    seeds, images = per_image.shape
    mean = per_image.mean(axis=0)
    residual = per_image - mean - per_image.mean(axis=1, keepdims=True) + mean.mean()
    interaction = float((residual**2).sum()) / ((seeds - 1) * (images - 1)) / (seeds * images)
    return math.sqrt(max(float(mean.var(ddof=1)) / images - interaction, 0.0))


def _image_deviations(per_image: Array, rng: np.random.Generator, draws: int) -> Array:
    """Bootstrap of images; equal values are drawn together, which is the same distribution."""
    images = per_image.shape[1]
    mean = per_image.mean(axis=0)
    error = math.sqrt(float(mean.var(ddof=1)) / images)
    if error <= _ZERO:
        return np.zeros(draws)
    values, counts = np.unique(mean.round(9), return_counts=True)
    resampled = rng.multinomial(images, counts / images, size=draws) @ values / images
    deviations: Array = (resampled - mean.mean()) * (image_error(per_image) / error)
    return deviations


def crossed_p(per_seed: Array, images: float) -> float:
    """Two-sided p-value of no effect over all seeds and test images.

    The tail of the distribution that the interval is cut from, its image part taken as normal:
    T·se_seed + Z·images, the solution of Behrens and Fisher (Fisher 1935, The fiducial argument
    in statistical inference; conservative in repeated sampling: Robinson 1976). Without an image
    part it is the paired t-test over seeds. That test alone would answer for these test images
    only: what they add to the effect is common to all seeds, so more seeds make it look certain.

    Args:
        per_seed: [S] effect of every seed, S ≥ 2.
        images: standard error over test images, see image_error.
    """
    return min(1.0, 2 * _tail(abs(float(per_seed.mean())), per_seed, images))


def detectable_effect(
    per_seed: Array, images: float, *, alpha: float = 1 - CONFIDENCE, power: float = 0.8
) -> float:
    """Smallest true effect that such a study would find with the given power.

    Args:
        per_seed: [S] effect of every seed; NaN for fewer than two.
        images: standard error over test images, see image_error.
        alpha: two-sided level of the claim; within a family of m tests α/m is what the first
            step of Holm's procedure asks for.
        power: probability of the claim.
    """
    if per_seed.size < 2:
        return math.nan
    return _quantile(alpha / 2, per_seed, images) + _quantile(1 - power, per_seed, images)


def _tail(distance: float, per_seed: Array, images: float) -> float:
    """P(T·se_seed + Z·images > distance) for distance ≥ 0."""
    error, df = standard_error(per_seed), per_seed.size - 1
    if max(error, images) <= _ZERO:
        return 0.5 if distance <= _ZERO else 0.0
    if error <= _ZERO:
        return float(stats.norm.sf(distance / images))
    inside = special.stdtr(df, (_NORMAL * images - distance) / error)
    return float(inside @ _WEIGHTS)


def _quantile(tail: float, per_seed: Array, images: float) -> float:
    """The distance with this probability beyond it, below one half."""
    error, df = standard_error(per_seed), per_seed.size - 1
    if max(error, images) <= _ZERO:
        return 0.0
    bound = float(stats.t.isf(tail / 2, df)) * error + float(stats.norm.isf(tail / 2)) * images
    return float(optimize.brentq(lambda x: _tail(x, per_seed, images) - tail, 0.0, bound))
