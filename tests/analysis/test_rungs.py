"""Which rung speaks: arms are compared at one length, lengths are told apart, the champion stays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planting import RUNGS, Planted, plant

from study.analysis import Analysis, analyse
from study.analysis.arms import common_runs, finished, main_runs
from study.analysis.lengths import IMAGES, SECONDS, accuracy_at, length_to
from study.matrix import arms
from study.networks import GOOGLENET, VGG11, ModelName

Study = Callable[[Planted], tuple[Path, Analysis]]
PATH = np.array([[2_000, 10.0, 0.5], [4_000, 20.0, 0.7], [8_000, 80.0, 0.8]])


def _table(have: dict[tuple[ModelName, int], dict[int, int]]) -> pd.DataFrame:
    """(network, index of an arm) → seed → its highest rung; the rungs below it are there too."""
    rows = []
    for (model, place), seeds in have.items():
        arm = arms((model,))[place]
        for seed, top in seeds.items():
            rows += [
                {
                    "run_id": f"{arm.name}-s{seed}",
                    "role": "matrix",
                    "model": model,
                    "init": arm.init.value,
                    "scope": arm.scope.value,
                    "lr_policy": arm.lr_policy.value,
                    "seed": seed,
                    "rung": rung,
                    "state": "finished",
                    "test_accuracy": 0.5,
                }
                for rung in (2_000, 4_000, 8_000, 16_000)
                if rung <= top
            ]
    return pd.DataFrame(rows)


def _all(model: ModelName, seeds: dict[int, int]) -> dict[tuple[ModelName, int], dict[int, int]]:
    return {(model, place): dict(seeds) for place in range(6)}


def _chosen(table: pd.DataFrame) -> tuple[set[int], int]:
    runs = main_runs(table)
    rungs = {int(row["rung"]) for seeds in runs.values() for row in seeds.values()}
    return rungs, min(len(seeds) for seeds in runs.values())


@pytest.mark.parametrize(
    ("seeds", "rung", "least"),
    [
        ({0: 8_000}, 8_000, 1),
        ({0: 16_000, 1: 8_000}, 8_000, 2),
        ({0: 16_000, 1: 8_000, 2: 8_000}, 8_000, 3),
        ({0: 16_000, 1: 16_000, 2: 16_000, 3: 2_000}, 16_000, 3),
        ({0: 16_000, 1: 16_000, 2: 16_000, 3: 8_000, 4: 8_000}, 8_000, 5),
        ({0: 16_000, 1: 16_000, 2: 16_000, 3: 4_000, 4: 4_000}, 16_000, 3),
    ],
)
def test_a_network_is_read_where_enough_seeds_are(seeds: dict[int, int], rung: int, least: int) -> None:
    assert _chosen(_table(_all(VGG11, seeds))) == ({rung}, least)


def test_a_rung_that_an_arm_lacks_is_not_read() -> None:
    have = _all(VGG11, {0: 16_000, 1: 16_000, 2: 16_000})
    have[VGG11, 4] = {0: 16_000, 1: 16_000, 2: 4_000}
    assert _chosen(_table(have)) == ({4_000}, 3)
    del have[VGG11, 4]  # an arm that has nothing keeps nobody back
    assert _chosen(_table(have)) == ({16_000}, 3)


def test_networks_are_compared_at_their_common_rung() -> None:
    seeds = (0, 1, 2)
    table = _table(_all(VGG11, dict.fromkeys(seeds, 4_000)) | _all(GOOGLENET, dict.fromkeys(seeds, 16_000)))
    own = {(arm.model, int(row["rung"])) for arm, by in main_runs(table).items() for row in by.values()}
    assert own == {(VGG11, 4_000), (GOOGLENET, 16_000)}
    common = {int(row["rung"]) for by in common_runs(table).values() for row in by.values()}
    assert common == {4_000}


def test_a_longer_rung_of_some_seeds_changes_no_contrast(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=3, images=1_000))
    before = analyse(folder)
    rungs = pd.read_csv(folder / "rungs.csv")
    longer = rungs[(rungs["rung"] == RUNGS[-1]) & (rungs["seed"] == 0)].assign(
        rung=16_000, test_accuracy=0.1
    )
    pd.concat([longer, rungs]).to_csv(folder / "rungs.csv", index=False)
    pd.testing.assert_frame_equal(before.contrasts, analyse(folder).contrasts)


def test_pooled_rows_are_read_at_the_common_rung(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(seeds=3, images=1_000, init_pp=2))
    rungs = pd.read_csv(folder / "rungs.csv")
    short = (rungs["model"] == "vgg11") & (rungs["rung"] == RUNGS[-1])
    rungs[~short].to_csv(folder / "rungs.csv", index=False)
    found = analyse(folder).by_id()
    names = ("vgg11", "googlenet", "pooled")
    read = {name: found[f"q2.init_full.{name}"].numbers["rung"] for name in names}
    assert read == {"vgg11": RUNGS[-2], "googlenet": RUNGS[-1], "pooled": RUNGS[-2]}
    assert found["q7.model"].numbers["rung"] == RUNGS[-2]
    assert found["q7.views.model"].numbers["samples"] == RUNGS[-2]


def test_the_champion_enters_no_contrast_arm_or_count(study: Study) -> None:
    truth = Planted(seeds=3, init_pp=2)
    _, without = study(truth)
    _, found = study(replace(truth, champion=0.95))
    pd.testing.assert_frame_equal(without.contrasts, found.contrasts)
    about = ("confusion", "object", "champion", "adequacy")
    for one, other in zip(without.findings, found.findings, strict=True):
        assert one.id in about or one.to_dict() == other.to_dict(), one.id


def test_the_champion_is_no_finished_run_of_the_matrix(study: Study) -> None:
    folder, _ = study(Planted(seeds=3, init_pp=2, champion=0.95))
    table = pd.read_csv(folder / "results.csv")
    assert (table["role"] == "champion").sum() == 1
    assert len(finished(table)) == len(table) - 1


def test_between_rungs_a_line_over_the_logarithm_of_seconds() -> None:
    assert accuracy_at(PATH, 20.0) == pytest.approx(0.7)
    assert accuracy_at(PATH, 40.0) == pytest.approx(0.75)
    assert accuracy_at(PATH, 1_000.0) == pytest.approx(0.8)
    assert accuracy_at(PATH, 1.0) == pytest.approx(0.5)


def test_the_shortest_training_with_a_target() -> None:
    assert length_to(PATH, 0.75, SECONDS) == pytest.approx(40.0)
    assert length_to(PATH, 0.6, IMAGES) == pytest.approx(2_000 * 2**0.5)
    assert length_to(PATH, 0.8, IMAGES) == pytest.approx(8_000)
    assert length_to(PATH, 0.4, SECONDS) == pytest.approx(10.0)
    assert np.isnan(length_to(PATH, 0.9, SECONDS))


def test_no_value_is_read_inside_a_schedule(tmp_path: Path) -> None:
    """What a run went through on its way changes nothing; only its rungs speak."""
    folder = plant(tmp_path, Planted(seeds=3, images=1_000, init_pp=2))
    before = analyse(folder)
    (folder / "history.csv").unlink()
    after = analyse(folder)
    assert [f.to_dict() for f in before.findings] == [f.to_dict() for f in after.findings]
