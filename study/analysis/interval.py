"""Computes intervals, p-values and detectable effects for few seeds and a set of test images.

A bootstrap that resamples seeds and test images together fails at 3 to 5 seeds: a percentile interval of
so few values is far too narrow (their bootstrap variance lacks the factor n/(n − 1) and their quantiles are
normal ones, not Student's), and it counts the seed × image interaction three times (Owen 2007, The
pigeonhole bootstrap). Here the two sources are estimated apart and then added. The deviation of the effect
from its true value is distributed as

    T·se_seed + Z·se_image

T is Student's t with n − 1 degrees of freedom, se_seed the standard error over seeds, Z standard normal,
and se_image the standard error over test images without the interaction, so that the variance is that of
the two-way layout, V_seed + V_image − V_interaction. This is the solution of Behrens and Fisher (Fisher
1935, The fiducial argument in statistical inference), which is conservative in repeated sampling (Robinson
1976). Interval, p-value and detectable effect are quantiles and tails of this one distribution, computed
by quadrature: the interval excludes zero if and only if p < 0.05, and nothing is drawn at random.
`python -m benchmarks.validity` simulates how often intervals cover and claims are false
(docs/validity.md).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.95
#: Standard errors up to this size count as zero.
_ZERO = 1e-12
#: Gauss–Legendre nodes and weights of a panel, and panel edges for the normal density.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_PANELS = np.array([-10.0, -6.0, -4.0, -2.5, -1.2, 0.0, 1.2, 2.5, 4.0, 6.0, 10.0])
#: Quantile levels of the estimated error over seeds, over which the power is averaged.
_LEVELS = (np.arange(40) + 0.5) / 40
#: Degree of the polynomial that stands for distances between few errors over seeds.
_DEGREE = 18
#: Panel edges around the place where Student's distribution rises, in units of its width.
_RISE = np.array([-300.0, -80.0, -25.0, -8.0, -3.0, -1.0, 0.0, 1.0, 3.0, 8.0, 25.0, 80.0, 300.0])


def t_interval(values: Array) -> tuple[float, float]:
    """Returns Student's 95 % interval of the mean; (nan, nan) for fewer than two values."""
    if values.size < 2:
        return math.nan, math.nan
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, values.size - 1)) * standard_error(values)
    centre = float(values.mean())
    return centre - half, centre + half


def share_interval(right: int, images: int) -> tuple[float, float]:
    """Returns the exact 95 % interval of a share of images (Clopper & Pearson 1934).

    Args:
        right: number of images that count.
        images: number of all images, > 0.
    """
    found = stats.binomtest(right, images).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def standard_error(values: Array) -> float:
    """Returns the standard error of the mean of at least two values."""
    return float(values.std(ddof=1)) / math.sqrt(values.size)


def crossed_interval(per_seed: Array, images: float) -> tuple[float, float]:
    """Returns the 95 % interval of the mean over all seeds and all test images.

    Without an error over images it is Student's interval over the seeds.

    Args:
        per_seed: [S], effect of each seed; the interval is (nan, nan) for fewer than two.
        images: standard error over test images, see `image_error`.
    """
    if per_seed.size < 2:
        return math.nan, math.nan
    half = _quantile((1 - CONFIDENCE) / 2, per_seed, images)
    centre = float(per_seed.mean())
    return centre - half, centre + half


def image_error(per_image: Array | None) -> float:
    """Returns the standard error that the choice of test images adds to the mean over seeds.

    The variance of the per-image means also contains the seed × image interaction, which the spread over
    seeds contains already, so it is subtracted.

    Args:
        per_image: [S, N], effect of every seed on every image, S ≥ 2; None without predictions.
    """
    if per_image is None:
        return 0.0
    seeds, images = per_image.shape
    mean = per_image.mean(axis=0)
    residual = per_image - mean - per_image.mean(axis=1, keepdims=True) + mean.mean()
    interaction = float((residual**2).sum()) / ((seeds - 1) * (images - 1)) / (seeds * images)
    return math.sqrt(max(float(mean.var(ddof=1)) / images - interaction, 0.0))


def crossed_p(per_seed: Array, images: float) -> float:
    """Returns the two-sided p-value of no effect over all seeds and all test images.

    Without an error over images it is that of the paired t-test over seeds. The t-test alone is valid for
    these test images only: what they add to the effect is common to all seeds, so more seeds make it look
    certain.

    Args:
        per_seed: [S], effect of each seed, S ≥ 2.
        images: standard error over test images, see `image_error`.
    """
    return min(1.0, 2 * _tail(abs(float(per_seed.mean())), per_seed, images))


def detectable_effect(
    per_seed: Array, images: float, *, alpha: float = 1 - CONFIDENCE, power: float = 0.8
) -> float:
    """Returns the smallest true effect that such a study would find with the given power.

    A study that repeats this one has the same true errors, but it estimates the error over seeds anew. With
    three seeds the estimate, and with it the distance from zero that a claim needs, varies by a factor of
    five. The power is the mean over that estimate.

    Args:
        per_seed: [S], effect of each seed; the result is NaN for fewer than two.
        images: standard error over test images, see `image_error`.
        alpha: two-sided level of the claim.
        power: probability of the claim.
    """
    if per_seed.size < 2:
        return math.nan
    error, df = standard_error(per_seed), per_seed.size - 1
    spread = math.hypot(error, images)
    if spread <= _ZERO:
        return 0.0
    estimated = error * np.sqrt(stats.chi2.ppf(_LEVELS, df) / df)
    needed = _distances(alpha / 2, estimated, df, images, exact=1e-8 * spread)

    def missing(effect: float) -> float:
        return float(special.ndtr((effect - needed) / spread).mean()) - power

    most = float(needed.max()) + 10 * spread
    return float(optimize.brentq(missing, -10 * spread, most, xtol=1e-9))


def _tail(distance: float, per_seed: Array, images: float) -> float:
    """Returns P(deviation > distance) for the errors of these effects."""
    return _beyond(distance, standard_error(per_seed), per_seed.size - 1, images)


def _quantile(tail: float, per_seed: Array, images: float) -> float:
    """Returns the distance that the deviation exceeds with probability `tail`."""
    return _distance(tail, standard_error(per_seed), per_seed.size - 1, images)


def _beyond(distance: float, error: float, df: int, images: float) -> float:
    """Returns P(T·error + Z·images > distance) for distance ≥ 0."""
    if max(error, images) <= _ZERO:
        return 0.5 if distance <= _ZERO else 0.0
    if error <= _ZERO:
        return float(stats.norm.sf(distance / images))
    if images <= _ZERO:
        return float(special.stdtr(df, -distance / error))
    rise = (distance + _RISE * error) / images
    edges = np.sort(np.concatenate((_PANELS, rise[(rise > _PANELS[0]) & (rise < _PANELS[-1])])))
    half = np.diff(edges)[:, None] / 2
    z = edges[:-1, None] + half * (1 + _NODES)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    inside = special.stdtr(df, (z * images - distance) / error)
    return float((half * _WEIGHTS * density * inside).sum())


def _distance(tail: float, error: float, df: int, images: float, *, exact: float = 1e-13) -> float:
    """Returns the distance that T·error + Z·images exceeds with probability `tail` < 0.5."""
    if max(error, images) <= _ZERO:
        return 0.0
    if images <= _ZERO:
        return -float(special.stdtrit(df, tail)) * error
    # Either error alone gives less, since both densities are symmetric and fall on either side; the factor
    # 0.999 is for rounding.
    least = -0.999 * min(float(special.stdtrit(df, tail)) * error, float(special.ndtri(tail)) * images)
    most = -float(special.stdtrit(df, tail / 2)) * error - float(special.ndtri(tail / 2)) * images
    return float(optimize.brentq(lambda x: _beyond(x, error, df, images) - tail, least, most, xtol=exact))


def _distances(tail: float, errors: Array, df: int, images: float, *, exact: float) -> Array:
    """Returns `_distance` for ascending errors over seeds.

    The logarithm of the distance is a smooth function of that of the error, so a polynomial through the
    Chebyshev points of the range gives it to 1e-6 (`tests/analysis/test_coverage.py`). With one degree of
    freedom the range is too wide for that.
    """
    if df == 1 or errors[0] <= _ZERO:
        return np.array([_distance(tail, float(each), df, images, exact=exact) for each in errors])

    def logarithms(points: Array) -> Array:
        return np.log([_distance(tail, math.exp(point), df, images, exact=exact) for point in points])

    curve = np.polynomial.Chebyshev.interpolate(logarithms, _DEGREE, domain=np.log(errors[[0, -1]]))
    return np.exp(np.asarray(curve(np.log(errors)), dtype=np.float64))
