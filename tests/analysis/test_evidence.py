"""Measurements beside the contrasts, each against a truth that was planted by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planting import SAMPLES, Planted, plant
from scipy import stats

from study.analysis import Analysis, analyse
from study.analysis.evidence import spread
from study.analysis.verdicts import Reason, Verdict
from study.networks import VGG11
from study.spec import Arm, Init, LrPolicy, Scope

Analyse = Callable[[Planted], Analysis]
BETTER = Planted(init_pp=3, scope_pp=2)


@pytest.fixture
def better(analysed: Analyse) -> Analysis:
    return analysed(BETTER)


def test_speed_to_target_follows_the_better_side(better: Analysis, analysed: Analyse) -> None:
    found = better.by_id()["q2.speed_to_target.vgg11"]
    assert found.verdict is Verdict.SUPPORTED
    assert found.numbers["samples_pretrained"] < found.numbers["samples_scratch"]
    assert found.numbers["samples_ratio"] > 1
    saved = found.numbers["seconds_scratch"] - found.numbers["seconds_pretrained"]
    spent = found.numbers["pretraining_seconds"]
    assert found.numbers["break_even"] * saved >= spent > (found.numbers["break_even"] - 1) * saved
    worse = analysed(Planted(init_pp=-3)).by_id()["q2.speed_to_target.vgg11"]
    assert worse.numbers["break_even"] is None
    assert worse.verdict is Verdict.REFUTED and worse.numbers["samples_ratio"] < 1


def test_cost_and_gap(better: Analysis) -> None:
    cost, gap = (better.by_id()[f"{name}.googlenet"] for name in ("q3.cost", "q3.gap"))
    assert cost.numbers["trainable_frozen"] == 10_250
    assert cost.numbers["seconds_ratio"] == pytest.approx(9.9, abs=0.1)
    assert cost.verdict is Verdict.SUPPORTED
    assert gap.numbers["gap_frozen_pp"] == pytest.approx(1)
    assert gap.numbers["difference_pp"] == pytest.approx(2)


def test_views_tell_when_the_winner_changes(better: Analysis) -> None:
    init, scope = (better.by_id()[f"{name}.vgg11"] for name in ("q7.views", "q7.views.scope"))
    assert init.numbers["flips"] is False and init.verdict is Verdict.SUPPORTED
    assert init.numbers["trials_pp"] == pytest.approx(3)
    # full wins at equal samples; its shortest training, which still takes longer, loses to a frozen one
    assert scope.numbers["samples_pp"] > 0 > scope.numbers["seconds_pp"]
    assert scope.numbers["flips"] is True and scope.verdict is Verdict.REFUTED


def test_mcnemar_and_confusion_are_counts(
    study: Callable[[Planted], tuple[Path, Analysis]],
) -> None:
    folder, analysis = study(BETTER)
    found = analysis.by_id()
    stored = np.load(folder / "predictions.npz")
    labels = stored["labels"]
    first, second = (
        stored[f"vgg11-{init}-full-uniform-s0-00000000.{SAMPLES}.class"] == labels
        for init in ("pretrained", "scratch")
    )
    numbers = found["q7.mcnemar.vgg11"].numbers
    assert numbers["first_only"] == int((first & ~second).sum())
    assert numbers["second_only"] == int((second & ~first).sum())
    assert sum(numbers[k] for k in ("first_only", "second_only", "both", "neither")) == labels.size
    confusion = found["confusion"].numbers
    predicted = stored[f"{confusion['run_id']}.{SAMPLES}.class"]
    wrong = predicted != labels
    assert confusion["errors"] == int(wrong.sum())
    top = confusion["pairs"][0]
    assert top["count"] == int(((labels == top["true"]) & (predicted == top["predicted"])).sum())


def test_best_arm_is_chosen_on_validation(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=2, images=1_000))
    rungs = pd.read_csv(folder / "rungs.csv")
    chosen = rungs["run_id"].str.startswith("googlenet-scratch-frozen")
    rungs.loc[chosen, "val_accuracy"] = 0.99
    rungs.loc[chosen, "test_accuracy"] = 0.10
    rungs.to_csv(folder / "rungs.csv", index=False)
    best = analyse(folder).by_id()["best"].numbers
    assert best["arm"] == "googlenet-scratch-frozen"
    assert best["test_accuracy"] == pytest.approx(0.10)


def test_drift_decay_and_architecture(better: Analysis) -> None:
    found = better.by_id()
    drift = found["q4.drift.vgg11"]
    assert drift.numbers["first_stage"] == "stem" and drift.numbers["last_stage"] == "deep"
    assert drift.numbers["ratio"] == pytest.approx(10.2, abs=0.1)
    assert found["q5.lr_decay.vgg11"].numbers["lr_decay_pretrained"] == pytest.approx(2.6)
    assert found["q6.architecture.vgg11"].verdict is Verdict.SUPPORTED
    assert found["q1.pretext.vgg11"].verdict is Verdict.SUPPORTED


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("q4.drift.vgg11", Reason.MISSING_FILE),
        ("q6.architecture.vgg11", Reason.MISSING_FILE),
        ("q7.mcnemar.vgg11", Reason.MISSING_FILE),
        ("q4.depth.vgg11", Reason.NOT_IN_MATRIX),
        ("q2.labels.vgg11", Reason.NOT_IN_MATRIX),
        ("object", Reason.MISSING_FILE),
    ],
)
def test_absent_files_are_not_measured(analysed: Analyse, name: str, reason: Reason) -> None:
    found = analysed(Planted(seeds=1, details=False, predictions=False)).by_id()[name]
    assert (found.verdict, found.reason) == (Verdict.NOT_MEASURED, reason)
    assert all(value is None for value in found.numbers.values())


def test_speed_needs_both_sides(analysed: Analyse) -> None:
    lost = ("vgg11-scratch-full-uniform", "vgg11-pretrained-full-discriminative")
    found = analysed(Planted(seeds=1, without=lost)).by_id()["q2.speed_to_target.vgg11"]
    assert (found.verdict, found.reason) == (Verdict.NOT_MEASURED, Reason.MISSING_ARMS)
    assert all(value is None for value in found.numbers.values())


def test_every_id_exists_in_every_study(better: Analysis, tmp_path: Path) -> None:
    empty = analyse(tmp_path)
    assert [f.id for f in empty.findings] == [f.id for f in better.findings]
    for one, other in zip(empty.findings, better.findings, strict=True):
        assert set(one.numbers) == set(other.numbers), one.id


def test_spreads_of_arms_that_share_their_seeds_are_compared_as_pairs() -> None:
    """An F-test of the same values, which takes them for independent, finds nothing."""
    rng = np.random.default_rng(3)
    shared = rng.normal(0, 0.5, 8)
    first, second = 90 + shared, 88 + 1.8 * shared + rng.normal(0, 0.05, 8)
    arms = [Arm(model=VGG11, init=init, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM) for init in Init]
    values = {Init.PRETRAINED: first, Init.SCRATCH: second}
    runs = {
        arm: {
            seed: {"test_accuracy": value / 100, "run_id": f"{arm.init}{seed}"}
            for seed, value in enumerate(values[arm.init])
        }
        for arm in arms
    }
    found = spread(runs, VGG11)
    r = np.corrcoef(first + second, first - second)[0, 1]
    p_value = 2 * stats.t.sf(abs(r) * np.sqrt(6 / (1 - r * r)), 6)
    ratio = (second.std(ddof=1) / first.std(ddof=1)) ** 2
    assert 2 * stats.f.sf(ratio, 7, 7) > 0.05 > p_value
    assert found.numbers["p_value"] == pytest.approx(p_value)
    assert found.verdict is Verdict.SUPPORTED and len(found.rows) == 16
    few = spread({arm: dict(list(seeds.items())[:4]) for arm, seeds in runs.items()}, VGG11)
    assert few.reason is Reason.FEW_PAIRS and np.isnan(few.numbers["p_value"])
