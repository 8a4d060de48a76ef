"""Contrasts: recomputed from their definitions, judged by the written rules, cheap enough."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planting import Planted, plant
from scipy import stats

from study.analysis import Analysis, analyse, contrasts, write_analysis
from study.analysis.verdicts import Reason, Verdict, contrast_verdict, holm
from study.errors import StoreError
from study.matrix import arms

NAMES = [
    "init@frozen", "init@full", "scope@pretrained", "scope@scratch", "lr_policy@pretrained",
    "lr_policy@scratch", "model", "init×scope", "init×lr_policy",
]  # fmt: skip

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
        full_pre = (pre["uniform"] + pre["discriminative"]) / 2
        full_scr = (scr["uniform"] + scr["discriminative"]) / 2
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
        policies = ("none", "uniform", "discriminative")
        values = [
            accuracy(net, init, policy, seed)
            for init, policy in product(("pretrained", "scratch"), policies)
        ]
        return sum(values) / 6

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
    assert np.allclose(table["p_holm"], _holm_by_hand(list(table["p_value"])))


def _holm_by_hand(p_values: list[float]) -> list[float]:
    ranked = sorted(p_values)
    steps = [min(1.0, p * (len(ranked) - i)) for i, p in enumerate(ranked)]
    return [max(steps[: ranked.index(p) + 1]) for p in p_values]


@pytest.mark.parametrize(
    ("truth", "verdict"),
    [
        (Planted(init_pp=3), "supported"),
        (Planted(init_pp=-3), "refuted"),
        (Planted(seeds=12, noise_pp=0.2), "refuted"),
        (Planted(seeds=3, init_pp=3), "supported"),
        (Planted(seeds=1, init_pp=3), "inconclusive"),
        (Planted(seeds=3, init_pp=0.4, noise_pp=1.0), "inconclusive"),
    ],
)
def test_planted_effect_gets_its_verdict(
    analysed: Callable[[Planted], Analysis], truth: Planted, verdict: str
) -> None:
    analysis = analysed(truth)
    rows = analysis.contrasts[analysis.contrasts["name"] == "init@full"]
    assert set(rows["verdict"]) == {verdict}
    found = analysis.by_id()["q2.init_full.pooled"]
    assert found.verdict.value == verdict
    if truth.seeds == 1:
        assert rows["ci_low_pp"].isna().all() and rows["p_value"].isna().all()
    if truth.seeds < 5:
        assert rows["p_value"].isna().all() and rows["p_holm"].isna().all()


def test_missing_arms_concern_only_their_contrasts(
    analysed: Callable[[Planted], Analysis],
) -> None:
    table = analysed(Planted(without=("vgg11-scratch-frozen",))).contrasts.set_index(
        ["name", "model"]
    )
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
    table = contrasts(pd.read_csv(folder / "rungs.csv"), {}, None)
    row = table[(table["name"] == "init@full") & (table["model"] == "vgg11")].iloc[0]
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


def test_whole_analysis_is_fast(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=5, images=10_000))
    started = time.process_time()
    analyse(folder)
    assert time.process_time() - started < 10
    assert len(arms()) * 5 == len(pd.read_csv(folder / "results.csv"))


@pytest.mark.parametrize(
    ("low", "high", "pairs", "p_holm", "verdict", "reason"),
    [
        (math.nan, math.nan, 0, math.nan, Verdict.NOT_MEASURED, Reason.MISSING_ARMS),
        (math.nan, math.nan, 1, math.nan, Verdict.INCONCLUSIVE, Reason.ONE_SEED),
        (0.1, 2.0, 5, 0.04, Verdict.SUPPORTED, Reason.ABOVE_ZERO),
        (0.1, 2.0, 5, 0.06, Verdict.INCONCLUSIVE, Reason.HOLM),
        (0.1, 2.0, 3, math.nan, Verdict.SUPPORTED, Reason.ABOVE_ZERO),
        (-2.0, -0.1, 5, 0.04, Verdict.REFUTED, Reason.BELOW_ZERO),
        (-0.9, 0.9, 5, 1.0, Verdict.REFUTED, Reason.EQUIVALENT),
        (-1.1, 0.9, 5, 1.0, Verdict.INCONCLUSIVE, Reason.COVERS_ZERO),
    ],
)
def test_written_rules(
    low: float, high: float, pairs: int, p_holm: float, verdict: Verdict, reason: Reason
) -> None:
    assert contrast_verdict(low=low, high=high, pairs=pairs, p_holm=p_holm) == (verdict, reason)


def test_holm_keeps_order_and_leaves_gaps() -> None:
    assert holm([0.04, math.nan, 0.01]) == pytest.approx([0.04, math.nan, 0.02], nan_ok=True)
    assert holm([0.03, 0.03, 0.03]) == pytest.approx([0.09, 0.09, 0.09])
