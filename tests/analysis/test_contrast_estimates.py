"""Contrasts: recomputed from their definitions, judged by the written rules, cheap enough."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planting import Planted, plant
from scipy import stats

from study.analysis import Analysis, analyse, write_analysis
from study.analysis.contrasts import estimate, table
from study.analysis.interval import crossed_p
from study.analysis.verdicts import ALPHA, Family, Reason, Verdict, adjusted, contrast_verdict
from study.errors import StoreError
from study.matrix import arms

NAMES = [
    "init@frozen",
    "init@full",
    "scope@pretrained",
    "scope@scratch",
    "lr_policy@pretrained",
    "lr_policy@scratch",
    "model",
    "init×scope",
    "init×lr_policy",
]

Study = Callable[[Planted], tuple[Path, Analysis]]


def by_definition(results: pd.DataFrame, name: str, model: str) -> list[float]:
    """Effects per seed written out by hand from design.md, with nothing of the package."""
    cell = results.set_index(["model", "init", "scope", "lr_policy", "seed"])["test_accuracy"]

    def accuracy(net: str, init: str, policy: str, seed: int) -> float:
        scope = "frozen" if policy == "none" else "full"
        return float(cell[net, init, scope, policy, seed])

    def one(net: str, seed: int) -> float:
        pre, scr = (
            {p: accuracy(net, init, p, seed) for p in ("none", "uniform", "discriminative")}
            for init in ("pretrained", "scratch")
        )
        full_pre, full_scr = pre["uniform"], scr["uniform"]
        effects = {
            "init@frozen": pre["none"] - scr["none"],
            "init@full": full_pre - full_scr,
            "scope@pretrained": full_pre - pre["none"],
            "scope@scratch": full_scr - scr["none"],
            "lr_policy@pretrained": pre["discriminative"] - pre["uniform"],
            "lr_policy@scratch": scr["discriminative"] - scr["uniform"],
            "init×scope": (full_pre - full_scr) - (pre["none"] - scr["none"]),
            "init×lr_policy": (pre["discriminative"] - scr["discriminative"])
            - (pre["uniform"] - scr["uniform"]),
        }
        return effects[name]

    def network(net: str, seed: int) -> float:
        values = [
            accuracy(net, init, policy, seed)
            for init, policy in product(("pretrained", "scratch"), ("none", "uniform"))
        ]
        return sum(values) / 4

    seeds = sorted(set(results["seed"]))
    if name == "model":
        return [100 * (network("googlenet", s) - network("vgg11", s)) for s in seeds]
    nets = ("vgg11", "googlenet") if model == "pooled" else (model,)
    return [100 * sum(one(net, s) for net in nets) / len(nets) for s in seeds]


def test_table_equals_the_definitions(study: Study) -> None:
    folder, analysis = study(Planted(init_pp=2, scope_pp=1, policy_pp=-0.5, model_pp=1))
    table, results = analysis.contrasts, pd.read_csv(folder / "results.csv")
    assert list(dict.fromkeys(table["name"])) == NAMES
    assert len(table) == 8 * 3 + 1
    for row in table.to_dict("records"):
        effects = np.array(by_definition(results, str(row["name"]), str(row["model"])))
        assert abs(row["effect_pp"] - effects.mean()) < 1e-9
        # The choice of test images adds to the error over seeds.
        assert row["p_value"] >= stats.ttest_1samp(effects, 0).pvalue - 1e-9
        assert row["n_pairs"] == 5
        assert row["ci_low_pp"] < row["effect_pp"] < row["ci_high_pp"]
    families = table.groupby("family")["name"].agg(["size", "nunique"]).to_dict("index")
    assert families == {
        "primary": {"size": 6, "nunique": 3},
        "secondary": {"size": 11, "nunique": 6},
        "exploratory": {"size": 8, "nunique": 8},
    }
    assert table[table["family"] == "exploratory"]["p_adjusted"].isna().all()
    tested = table[table["family"] != "exploratory"]
    assert (tested["p_adjusted"] >= tested["p_value"]).all()


@pytest.mark.parametrize(
    ("truth", "verdict"),
    [
        (Planted(init_pp=3), "better"),
        (Planted(init_pp=-3), "worse"),
        (Planted(seeds=12, noise_pp=0.2), "equivalent"),
        (Planted(seeds=3, init_pp=8), "better"),
        (Planted(seeds=3, init_pp=2, noise_pp=1.0), "not established"),
        (Planted(seeds=1, init_pp=3), "not established"),
    ],
)
def test_planted_effect_gets_its_verdict(
    analysed: Callable[[Planted], Analysis], truth: Planted, verdict: str
) -> None:
    analysis = analysed(truth)
    rows = analysis.contrasts[analysis.contrasts["name"] == "init@full"]
    assert list(rows["verdict"]) == [verdict, verdict, "exploratory"]
    found = analysis.by_id()
    assert found["q2.init_full.vgg11"].verdict.value == verdict
    assert found["q2.init_full.pooled"].verdict is Verdict.EXPLORATORY
    assert rows["ci_low_pp"].isna().all() == rows["p_value"].isna().all() == (truth.seeds == 1)


def test_missing_arms_concern_only_their_contrasts(
    analysed: Callable[[Planted], Analysis],
) -> None:
    table = analysed(Planted(without=("vgg11-scratch-frozen",))).contrasts.set_index(["name", "model"])
    missing = {key for key, row in table.iterrows() if row["verdict"] == "not measured"}
    assert missing == {
        *product(("init@frozen", "scope@scratch", "init×scope"), ("vgg11", "pooled")),
        ("model", "all"),
    }
    assert table.loc[list(missing)]["effect_pp"].isna().all()
    assert (table.loc[list(missing)]["n_pairs"] == 0).all()


def test_only_seeds_finished_in_all_arms_are_paired(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=5))
    rungs = pd.read_csv(folder / "rungs.csv")
    lost = rungs["run_id"].str.startswith("vgg11-scratch-full-uniform-s2")
    rungs.loc[lost, "state"] = "interrupted"
    rungs.to_csv(folder / "rungs.csv", index=False)
    table = analyse(folder).contrasts.set_index(["name", "model"])
    assert table.loc[("init@full", "vgg11"), "n_pairs"] == 4
    assert table.loc[("init@full", "googlenet"), "n_pairs"] == 5
    assert table.loc[("init@frozen", "vgg11"), "n_pairs"] == 5


def test_the_analysis_repeats_itself_and_files_agree(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=3, images=1_000))
    first = write_analysis(folder)
    second = analyse(folder)
    pd.testing.assert_frame_equal(first.contrasts, second.contrasts)
    stored = pd.read_csv(folder / "contrasts.csv")
    assert np.allclose(stored["effect_pp"], first.contrasts["effect_pp"], equal_nan=True)
    assert list(stored["verdict"]) == list(first.contrasts["verdict"])


def test_pure_function_needs_no_predictions(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=5, images=1_000))
    results = pd.read_csv(folder / "results.csv")
    found = table(estimate(pd.read_csv(folder / "rungs.csv"), {}, None))
    row = found[(found["name"] == "init@full") & (found["model"] == "vgg11")].iloc[0]
    effects = np.array(by_definition(results, "init@full", "vgg11"))
    interval = stats.ttest_1samp(effects, 0).confidence_interval()
    assert row["ci_low_pp"] == pytest.approx(interval.low)
    assert row["ci_high_pp"] == pytest.approx(interval.high)
    assert row["p_value"] == pytest.approx(stats.ttest_1samp(effects, 0).pvalue)


def test_empty_and_absent_results_are_not_measured(tmp_path: Path) -> None:
    analysis = write_analysis(tmp_path)
    assert set(analysis.contrasts["verdict"]) == {"not measured"}
    verdicts = {finding.verdict for finding in analysis.findings if finding.id != "design"}
    assert verdicts == {Verdict.NOT_MEASURED}


@pytest.mark.parametrize(
    "name", ["plan.json", "results.csv", "rungs.csv", "baselines.csv", "predictions.npz"]
)
def test_broken_files_are_named(tmp_path: Path, name: str) -> None:
    plant(tmp_path, Planted(seeds=1, images=500))
    (tmp_path / name).write_bytes(b'\x00{"a": \xff,"\n"1,2,3\n"')
    with pytest.raises(StoreError, match=name):
        analyse(tmp_path)


def test_an_absent_directory_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results directory"):
        write_analysis(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_whole_analysis_is_fast(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=5, images=10_000))
    started = time.process_time()
    analyse(folder)
    assert time.process_time() - started < 10
    assert len(arms()) * 5 == len(pd.read_csv(folder / "results.csv"))


@pytest.mark.parametrize(
    ("effect", "low", "high", "pairs", "p_adjusted", "verdict", "reason"),
    [
        (math.nan, math.nan, math.nan, 0, math.nan, Verdict.NOT_MEASURED, Reason.MISSING_ARMS),
        (1.0, math.nan, math.nan, 1, math.nan, Verdict.NOT_ESTABLISHED, Reason.ONE_SEED),
        (1.0, 0.1, 2.0, 5, 0.04, Verdict.BETTER, Reason.ABOVE_ZERO),
        (1.0, 0.1, 2.0, 3, 0.04, Verdict.BETTER, Reason.ABOVE_ZERO),
        (1.0, 0.1, 2.0, 5, 0.06, Verdict.NOT_ESTABLISHED, Reason.MULTIPLICITY),
        (1.0, 0.1, 2.0, 3, math.nan, Verdict.NOT_ESTABLISHED, Reason.MULTIPLICITY),
        (-1.0, -2.0, -0.1, 5, 0.04, Verdict.WORSE, Reason.BELOW_ZERO),
        (0.0, -0.9, 0.9, 5, 1.0, Verdict.EQUIVALENT, Reason.EQUIVALENT),
        (0.5, 0.1, 0.9, 5, 0.3, Verdict.EQUIVALENT, Reason.EQUIVALENT),
        (-0.1, -1.1, 0.9, 5, 1.0, Verdict.NOT_ESTABLISHED, Reason.COVERS_ZERO),
    ],
)
def test_written_rules(
    effect: float, low: float, high: float, pairs: int, p_adjusted: float, verdict: Verdict, reason: Reason
) -> None:
    found = contrast_verdict(
        effect=effect, low=low, high=high, pairs=pairs, p_adjusted=p_adjusted, family=Family.SECONDARY
    )
    assert found == (verdict, reason)
    pooled = contrast_verdict(
        effect=effect, low=low, high=high, pairs=pairs, p_adjusted=math.nan, family=Family.EXPLORATORY
    )
    assert pooled[0] is (Verdict.EXPLORATORY if pairs else Verdict.NOT_MEASURED)


P, S, E = Family.PRIMARY, Family.SECONDARY, Family.EXPLORATORY


def test_the_level_goes_to_the_primary_contrasts_first() -> None:
    nan = math.nan
    found = adjusted([0.01, 0.04, nan, 0.5], [P, P, P, E])
    assert found == pytest.approx([0.02, 0.04, nan, nan], nan_ok=True)
    assert adjusted([0.03, 0.03, 0.03], [P, P, P]) == pytest.approx([0.09, 0.09, 0.09]), "Holm's"
    assert adjusted([0.04, 0.01], [S, S]) == pytest.approx([0.04, 0.02]), "no primary one: Holm's"
    # Nothing primary is claimed: the secondary ones have a fifth of the level.
    assert adjusted([0.2, 0.3, 0.009], [P, P, S])[2] == pytest.approx(0.045)
    assert adjusted([0.2, 0.3, 0.011], [P, P, S])[2] > 0.05
    # One of two is: half of its two fifths goes to the secondary ones.
    assert adjusted([0.001, 0.9, 0.019], [P, P, S])[2] == pytest.approx(0.0475)
    assert adjusted([0.001, 0.9, 0.021], [P, P, S])[2] > 0.05
    # All are: the secondary ones share the whole level as by Holm.
    assert adjusted([0.001, 0.001, 0.02, 0.04], [P, P, S, S]) == pytest.approx([0.0025, 0.0025, 0.04, 0.04])


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from([P, S, E])), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_adjusted_values_do_not_depend_on_the_order_and_grow_with_p(
    cells: list[tuple[float, Family]], random: Random
) -> None:
    p_values, families = [p for p, _ in cells], [family for _, family in cells]
    found = adjusted(p_values, families)
    order = list(range(len(cells)))
    random.shuffle(order)
    again = adjusted([p_values[i] for i in order], [families[i] for i in order])
    assert [again[order.index(i)] for i in range(len(cells))] == pytest.approx(found, nan_ok=True)
    for p, family, value in zip(p_values, families, found, strict=True):
        assert math.isnan(value) if family is E else p - 1e-12 <= value <= 1
    halved = adjusted([p / 2 for p in p_values], families)
    assert all(b <= a + 1e-12 for a, b in zip(found, halved, strict=True) if not math.isnan(a))


@given(st.integers(2, 10), st.integers(1, 8), st.floats(0.05, 3), st.floats(0, 1), st.floats(-5, 5))
def test_fewer_seeds_never_claim_more(
    seeds: int, more: int, error: float, images: float, effect: float
) -> None:
    """With the same effect and the same standard error over seeds."""

    def claimed(count: int) -> bool:
        values = np.linspace(-1, 1, count)
        per_seed = effect + values * error / (values.std(ddof=1) / math.sqrt(count))
        return crossed_p(per_seed, images) <= ALPHA

    assert claimed(seeds + more) or not claimed(seeds)
