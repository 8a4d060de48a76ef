"""Side experiments: labels, depth and first layer, from planted tables of known truth."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from phrases import LANGUAGES, phrase
from planting import Planted, plant
from rendering import render_answer
from scipy import stats

from study.analysis import Analysis, analyse, write_analysis
from study.analysis.ablations import labels
from study.analysis.verdicts import Reason, Verdict
from study.networks import VGG11
from study.store.files import write_json
from study.store.tables import EXPERIMENT_COLUMNS

SIZES = (500, 2_000, 8_000)


def _row(init: str, seed: int, experiment: str, accuracy: float, **cells: object) -> dict[str, object]:
    key = "-".join(str(value) for value in cells.values())
    return {
        "run_id": f"vgg11-{init}-{experiment}-{key}-s{seed}",
        "model": "vgg11",
        "init": init,
        "init_source": "fractal" if init == "pretrained" else "none",
        "scope": "full",
        "lr_policy": "uniform",
        "seed": seed,
        "role": "matrix",
        "state": "finished",
        "train_images": 8_000,
        "samples_seen": 8_000,
        "resolution": 32,
        "test_accuracy": accuracy,
        "experiment": experiment,
        **cells,
    }


def _study(
    folder: Path,
    *,
    seeds: int,
    gain: float,
    growth: float = 0.1,
    middle: float = 0.0,
    scratch: tuple[str, ...] = ("scratch",),
    first_convs: dict[str, float] | None = None,
    source: str = "fractal",
    spread: float = 0.0,
) -> tuple[Path, Analysis]:
    """Scratch reaches 0.5, 0.6, 0.7; pretrained is `gain` better; depth 2 is `middle` better.

    first_convs: how much worse another first convolution is than pretrained at its best.
    spread: how far the gain of the labels experiment swings from seed to seed.
    """
    plant(folder, Planted(seeds=2, images=500, source=source))
    rows = []
    for seed in range(seeds):
        swing = (-1, 1, 0)[seed % 3]
        for place, size in enumerate(SIZES):
            base = 0.5 + growth * place + 0.001 * seed
            rows.append(_row("pretrained", seed, "labels", base + gain + spread * swing, train_images=size))
            rows += [_row(init, seed, "labels", base, train_images=size) for init in scratch]
        for stages in (0, 1, 2):
            accuracy = 0.65 + 0.001 * seed + (middle if stages == 2 else 0.0) * (1 + 0.01 * seed)
            rows.append(_row("pretrained", seed, "depth", accuracy, unfrozen_stages=stages))
        for variant, loss in (first_convs or {}).items():
            accuracy = 0.7 + gain + 0.001 * seed - loss * (1 + 0.01 * seed)
            rows.append(_row("pretrained", seed, "adaptation", accuracy, first_conv=variant))
    table = pd.DataFrame(rows, columns=list(EXPERIMENT_COLUMNS))
    table.to_csv(folder / "experiments.csv", index=False)
    architecture = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
    architecture["vgg11"]["stages"] = [{"name": n, "modules": [n], "parameters": 1} for n in "abcd"]
    write_json(folder / "architecture.json", architecture)
    return folder, write_analysis(folder)


def test_labels_saved_are_found(tmp_path: Path) -> None:
    """Three seeds gain 10.9, 11 and 11.1 points, one step of labels gives ten."""
    folder, analysis = _study(tmp_path, seeds=3, gain=0.11, spread=0.001)
    found = analysis.by_id()["q2.labels.vgg11"]
    assert (found.verdict, found.reason) == (Verdict.SUPPORTED, Reason.ABOVE_ZERO)
    assert found.numbers["labels_pretrained"] == 2_000
    assert found.numbers["labels_ratio"] == pytest.approx(4.0)
    half = stats.t.ppf(0.975, 2) * 0.1 / 3**0.5
    ends = [found.numbers[f"difference_{name}"] for name in ("low_pp", "pp", "high_pp")]
    assert ends == pytest.approx([1 - half, 1, 1 + half])
    assert [p["effect_pp"] for p in found.numbers["points"]] == pytest.approx([11.0] * 3)
    printed = {"ru": "(разность +1,00 п. п. [0,75; 1,25])", "en": "(difference +1.00 pp [0.75, 1.25])"}
    for lang in LANGUAGES:
        said = phrase("предобученная достигла уже при 2000", lang)
        assert f"{said} {printed[lang]}" in render_answer(folder, "q2", lang)


def test_no_labels_saved_is_refuted(tmp_path: Path) -> None:
    folder, analysis = _study(tmp_path, seeds=3, gain=-0.05, spread=0.001)
    found = analysis.by_id()["q2.labels.vgg11"]
    assert (found.verdict, found.reason) == (Verdict.REFUTED, Reason.BELOW_ZERO)
    assert found.numbers["difference_pp"] == pytest.approx(-5)
    assert math.isnan(found.numbers["labels_pretrained"])
    for lang in LANGUAGES:
        text = render_answer(folder, "q2", lang)
        assert phrase("не достигла ни при одном", lang) in text
        assert phrase("достигла уже", lang) not in text


@pytest.mark.parametrize(
    ("gain", "spread"),
    [
        (0.11, 0.02),  # means alone would say that a quarter of the labels is enough
        (-0.01, 0.02),  # and here that no number of them is
        (0.05, 0.001),  # better for certain, but only with as many labels
    ],
)
def test_labels_saved_within_the_noise_are_not_claimed(tmp_path: Path, gain: float, spread: float) -> None:
    folder, analysis = _study(tmp_path, seeds=3, gain=gain, spread=spread)
    found = analysis.by_id()["q2.labels.vgg11"]
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.COVERS_ZERO)
    for lang in LANGUAGES:
        text = render_answer(folder, "q2", lang)
        assert phrase("экономия разметки на этих объёмах не установлена", lang) in text
        assert phrase("достигла уже", lang) not in text
        assert phrase("не достигла ни при одном", lang) not in text


@pytest.mark.parametrize("curve", [(0.8, 0.8, 0.8), (0.7, 0.8, 0.802)])
def test_inits_that_do_not_differ_seldom_save_labels(curve: tuple[float, ...]) -> None:
    """Means alone claimed a saving in every sixth of such studies."""
    rng = np.random.default_rng(0)
    verdicts = []
    for _ in range(200):
        rows = [
            _row(init, seed, "labels", accuracy + rng.normal(0, 0.006), train_images=size)
            for seed in range(3)
            for size, accuracy in zip(SIZES, curve, strict=True)
            for init in ("pretrained", "scratch")
        ]
        table = pd.DataFrame(rows, columns=list(EXPERIMENT_COLUMNS))
        verdicts.append(labels(table, VGG11).verdict)
    assert verdicts.count(Verdict.SUPPORTED) <= 5
    assert verdicts.count(Verdict.INCONCLUSIVE) >= 190


def test_labels_that_do_not_help_scratch_save_none(tmp_path: Path) -> None:
    """Scratch is best with the fewest labels: that pretrained passes its last point says nothing."""
    folder, analysis = _study(tmp_path, seeds=3, gain=0.3, growth=-0.1)
    found = analysis.by_id()["q2.labels.vgg11"]
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.MEASURED)
    assert found.numbers["labels_scratch"] == SIZES[0] and found.numbers["n_pairs"] == 3
    for lang in LANGUAGES:
        assert phrase("экономия разметки не определяется", lang) in render_answer(folder, "q2", lang)


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("gain", [0.11, -0.05])
def test_few_seeds_make_no_claim(tmp_path: Path, seeds: int, gain: float) -> None:
    folder, analysis = _study(tmp_path, seeds=seeds, gain=gain, middle=0.2)
    for name in ("q2.labels.vgg11", "q4.depth.vgg11"):
        found = analysis.by_id()[name]
        assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.FEW_PAIRS)
    assert math.isnan(analysis.by_id()["q2.labels.vgg11"].numbers["labels_pretrained"])
    for lang in LANGUAGES:
        text = render_answer(folder, "q2", lang)
        assert phrase("слишком мало, чтобы судить об экономии разметки", lang) in text
        assert phrase("достигла уже", lang) not in text
        assert phrase("не достигла ни при одном", lang) not in text


def test_unpaired_labels_are_not_measured(tmp_path: Path) -> None:
    _, analysis = _study(tmp_path, seeds=3, gain=0.1, scratch=())
    assert analysis.by_id()["q2.labels.vgg11"].verdict is Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("middle", "verdict", "said", "not_said"),
    [
        (0.2, Verdict.SUPPORTED, "точнее обоих крайних случаев", "Ни одна промежуточная"),
        (-0.2, Verdict.REFUTED, "Ни одна промежуточная", "точнее обоих крайних случаев"),
    ],
)
def test_the_best_depth(tmp_path: Path, middle: float, verdict: Verdict, said: str, not_said: str) -> None:
    folder, analysis = _study(tmp_path, seeds=4, gain=0.1, middle=middle)
    found = analysis.by_id()["q4.depth.vgg11"]
    assert found.verdict is verdict
    assert [point["stages"] for point in found.numbers["points"]] == [0, 1, 2, 3]
    assert found.numbers["last_accuracy"] == pytest.approx(0.8015)
    for lang in LANGUAGES:
        text = render_answer(folder, "q4", lang)
        assert phrase(said, lang) in text and phrase(not_said, lang) not in text


@pytest.mark.parametrize(
    ("loss", "verdict", "said"),
    [
        (0.02, Verdict.SUPPORTED, "Предобученный первый слой полезен."),
        (-0.02, Verdict.REFUTED, "Случайный первый слой точнее предобученного."),
    ],
)
def test_a_kept_first_layer_against_a_fresh_one(
    tmp_path: Path, loss: float, verdict: Verdict, said: str
) -> None:
    folder, analysis = _study(tmp_path, seeds=3, gain=0.1, first_convs={"fresh": loss})
    found = analysis.by_id()["q6.first_conv.vgg11"]
    assert found.verdict is verdict
    assert found.numbers["difference_pp"] == pytest.approx(101 * loss)
    assert found.numbers["usual_accuracy"] == pytest.approx(0.801)
    assert (found.numbers["n_pairs"], found.numbers["channels"]) == (3, 1)
    assert len(found.rows) == 6
    assert analysis.by_id()["q6.channel_sum.vgg11"].verdict is Verdict.NOT_MEASURED
    useful = "Предобученный первый слой полезен."
    for lang in LANGUAGES:
        text = render_answer(folder, "q6", lang)
        assert phrase(said, lang) in text
        assert text.count(phrase(useful, lang)) == (verdict is Verdict.SUPPORTED)
        assert phrase("сумма весов по каналам даёт точность", lang) not in text


@pytest.mark.parametrize(
    ("loss", "verdict", "said", "not_said"),
    [
        (0.02, Verdict.SUPPORTED, "сумма точнее среднего.", "среднее точнее суммы."),
        (-0.02, Verdict.REFUTED, "среднее точнее суммы.", "сумма точнее среднего."),
    ],
)
def test_the_sum_over_channels_against_their_mean(
    tmp_path: Path, loss: float, verdict: Verdict, said: str, not_said: str
) -> None:
    folder, analysis = _study(
        tmp_path, seeds=3, gain=0.1, first_convs={"mean": loss, "fresh": 0.0}, source="imagenet1k_v1"
    )
    found = analysis.by_id()["q6.channel_sum.vgg11"]
    assert (found.verdict, found.numbers["channels"]) == (verdict, 3)
    for lang in LANGUAGES:
        text = render_answer(folder, "q6", lang)
        assert phrase(said, lang) in text and phrase(not_said, lang) not in text
    text = render_answer(folder, "q6")
    assert "пакетная нормализация" not in text  # VGG11 has none


def test_two_seeds_of_a_first_layer_make_no_claim(tmp_path: Path) -> None:
    folder, analysis = _study(tmp_path, seeds=2, gain=0.1, first_convs={"fresh": 0.2, "mean": 0.2})
    for name in ("q6.first_conv.vgg11", "q6.channel_sum.vgg11"):
        assert analysis.by_id()[name].reason is Reason.FEW_PAIRS
    for lang in LANGUAGES:
        text = render_answer(folder, "q6", lang)
        assert text.count(phrase("Зёрен слишком мало", lang)) == 2 and "None" not in text


def test_side_runs_never_enter_the_contrasts(tmp_path: Path) -> None:
    folder, with_side = _study(tmp_path, seeds=3, gain=0.25)
    (folder / "experiments.csv").unlink()
    pd.testing.assert_frame_equal(with_side.contrasts, analyse(folder).contrasts)
