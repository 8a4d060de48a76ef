"""Side experiments: labels saved and the best depth, from planted tables of known truth."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from planting import Planted, plant
from rendering import render_answer

from study.analysis import Analysis, analyse, write_analysis
from study.analysis.verdicts import Reason, Verdict
from study.store.files import write_json
from study.store.tables import EXPERIMENT_COLUMNS

SIZES = (500, 2_000, 8_000)


def _row(init: str, seed: int, experiment: str, accuracy: float, **cells: object) -> dict[str, object]:
    key = "-".join(str(value) for value in cells.values())
    return {
        "run_id": f"vgg11-{init}-{experiment}-{key}-s{seed}", "model": "vgg11", "init": init,
        "init_source": "fractal" if init == "pretrained" else "none", "scope": "full",
        "lr_policy": "uniform", "seed": seed, "state": "finished", "train_images": 8_000,
        "samples_seen": 8_000, "resolution": 32, "test_accuracy": accuracy,
        "experiment": experiment, **cells,
    }  # fmt: skip


def _study(
    folder: Path, *, seeds: int, gain: float, middle: float = 0.0, scratch: tuple[str, ...] = ("scratch",)
) -> tuple[Path, Analysis]:
    """Scratch reaches 0.5, 0.6, 0.7; pretrained is `gain` better; depth 2 is `middle` better."""
    plant(folder, Planted(seeds=2, images=500))
    rows = []
    for seed in range(seeds):
        for place, size in enumerate(SIZES):
            base = 0.5 + 0.1 * place + 0.001 * seed
            rows.append(_row("pretrained", seed, "labels", base + gain, train_images=size))
            rows += [_row(init, seed, "labels", base, train_images=size) for init in scratch]
        for stages in (0, 1, 2):
            accuracy = 0.65 + 0.001 * seed + (middle if stages == 2 else 0.0) * (1 + 0.01 * seed)
            rows.append(_row("pretrained", seed, "depth", accuracy, unfrozen_stages=stages))
    table = pd.DataFrame(rows, columns=list(EXPERIMENT_COLUMNS))
    table.to_csv(folder / "experiments.csv", index=False)
    architecture = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
    architecture["vgg11"]["stages"] = [{"name": n, "modules": [n], "parameters": 1} for n in "abcd"]
    write_json(folder / "architecture.json", architecture)
    return folder, write_analysis(folder)


def test_labels_saved_are_found(tmp_path: Path) -> None:
    folder, analysis = _study(tmp_path, seeds=3, gain=0.11)
    found = analysis.by_id()["q2.labels.vgg11"]
    assert (found.verdict, found.reason) == (Verdict.SUPPORTED, Reason.ABOVE_ZERO)
    assert found.numbers["labels_pretrained"] == 2_000
    assert found.numbers["labels_ratio"] == pytest.approx(4.0)
    assert [p["effect_pp"] for p in found.numbers["points"]] == pytest.approx([11.0] * 3)
    assert "предобученная достигла уже при 2000" in render_answer(folder, "q2")


def test_no_labels_saved_is_refuted(tmp_path: Path) -> None:
    folder, analysis = _study(tmp_path, seeds=3, gain=-0.05)
    found = analysis.by_id()["q2.labels.vgg11"]
    assert (found.verdict, found.reason) == (Verdict.REFUTED, Reason.BELOW_ZERO)
    text = render_answer(folder, "q2")
    assert "не достигла ни при одном" in text and "достигла уже" not in text


def test_one_seed_makes_no_claim(tmp_path: Path) -> None:
    _, analysis = _study(tmp_path, seeds=1, gain=0.11, middle=0.2)
    for name in ("q2.labels.vgg11", "q4.depth.vgg11"):
        found = analysis.by_id()[name]
        assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.FEW_PAIRS)


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
def test_the_best_depth(
    tmp_path: Path, middle: float, verdict: Verdict, said: str, not_said: str
) -> None:
    folder, analysis = _study(tmp_path, seeds=4, gain=0.1, middle=middle)
    found = analysis.by_id()["q4.depth.vgg11"]
    assert found.verdict is verdict
    assert [point["stages"] for point in found.numbers["points"]] == [0, 1, 2, 3]
    assert found.numbers["last_accuracy"] == pytest.approx(0.8015)
    text = render_answer(folder, "q4")
    assert said in text and not_said not in text


def test_side_runs_never_enter_the_contrasts(tmp_path: Path) -> None:
    folder, with_side = _study(tmp_path, seeds=3, gain=0.3)
    (folder / "experiments.csv").unlink()
    pd.testing.assert_frame_equal(with_side.contrasts, analyse(folder, seed=0).contrasts)
