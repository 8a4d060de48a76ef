"""The effect of pre-training at every length of training, and where it crosses zero."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from study.analysis.by_length import by_length
from study.analysis.verdicts import Reason, Verdict
from study.networks import GOOGLENET, VGG11

SEEDS = 4
#: Differences of the seeds from their mean, in percentage points; they sum to zero.
SPREAD = np.array([-0.6, -0.2, 0.2, 0.6])


def _rungs(effects: dict[int, float], seeds: int = SEEDS) -> pd.DataFrame:
    rows = []
    for rung, effect in effects.items():
        for seed in range(seeds):
            for init, more in (("pretrained", effect + SPREAD[seed]), ("scratch", 0.0)):
                for policy in ("uniform", "discriminative"):
                    rows.append(
                        {
                            "run_id": f"vgg11-{init}-full-{policy}-s{seed}",
                            "role": "matrix",
                            "model": "vgg11",
                            "init": init,
                            "scope": "full",
                            "lr_policy": policy,
                            "seed": seed,
                            "rung": rung,
                            "state": "finished",
                            "test_accuracy": 0.8 + (more if policy == "uniform" else 50) / 100,
                        }
                    )
    return pd.DataFrame(rows)


def test_an_effect_that_fades_crosses_zero_between_two_lengths() -> None:
    found = by_length(_rungs({4_000: 4.0, 8_000: 1.0, 16_000: -2.0}), {}, None, VGG11)
    numbers = found.numbers
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.MEASURED)
    assert [point["rung"] for point in numbers["points"]] == [4_000, 8_000, 16_000]
    assert [point["effect_pp"] for point in numbers["points"]] == pytest.approx([4, 1, -2])
    half = stats.t.ppf(0.975, SEEDS - 1) * SPREAD.std(ddof=1) / SEEDS**0.5
    assert numbers["points"][0]["low_pp"] == pytest.approx(4 - half)
    # One third of the way on a logarithmic scale, earlier or later by the half-width over 3 pp a doubling.
    assert numbers["crossing_samples"] == pytest.approx(8_000 * 2 ** (1 / 3))
    assert numbers["crossing_low_samples"] == pytest.approx(8_000 * 2 ** ((1 - half) / 3))
    assert numbers["crossing_high_samples"] == pytest.approx(8_000 * 2 ** ((1 + half) / 3))
    assert numbers["n_pairs"] == SEEDS and len(found.rows) == 2 * SEEDS


def test_an_effect_that_grows_is_read_the_other_way_round() -> None:
    numbers = by_length(_rungs({4_000: -2.0, 8_000: 0.2}), {}, None, VGG11).numbers
    assert 4_000 < numbers["crossing_low_samples"] < numbers["crossing_samples"] < 8_000
    assert numbers["crossing_high_samples"] is None, "beyond the lengths that were tried"


def test_without_a_crossing_there_is_none() -> None:
    numbers = by_length(_rungs({4_000: 3.0, 8_000: 2.0}), {}, None, VGG11).numbers
    assert numbers["crossing_samples"] is numbers["crossing_low_samples"] is None
    one = by_length(_rungs({4_000: 3.0, 8_000: -2.0}, seeds=1), {}, None, VGG11).numbers
    assert one["crossing_samples"] is not None and one["crossing_low_samples"] is None
    absent = by_length(_rungs({4_000: 3.0}), {}, None, GOOGLENET)
    assert absent.verdict is Verdict.NOT_MEASURED and absent.numbers["points"] is None


def test_the_test_images_widen_the_interval() -> None:
    rungs = _rungs({4_000: 2.0})
    rng = np.random.default_rng(0)
    labels = np.zeros(500, np.uint8)
    predictions = {
        f"{row.run_id}.{row.rung}": (rng.random(500) > row.test_accuracy).astype(np.uint8)
        for row in rungs.itertuples()
    }
    alone, with_images = (
        by_length(rungs, classes, labels, VGG11).numbers["points"][0] for classes in ({}, predictions)
    )
    assert with_images["high_pp"] - with_images["low_pp"] > alone["high_pp"] - alone["low_pp"]
