"""contrasts.csv agrees with a computation that shares no code with the product."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from planting import RUNGS, Planted, plant

from benchmarks.recompute import TOLERANCE, accuracy_error, compare
from study.analysis import Analysis, write_analysis

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs" / "sample" / "results"


def agree(folder: Path) -> bool:
    both = compare(folder)
    assert len(both) == 25
    return bool(both["agrees"].all())


def test_sample_study_agrees() -> None:
    both = compare(SAMPLE)
    assert len(both) == 25 and both["agrees"].all() and both["effect_pp"].notna().all()
    assert accuracy_error(SAMPLE) <= TOLERANCE


def test_planted_study_agrees(study: Callable[[Planted], tuple[Path, Analysis]]) -> None:
    folder, _ = study(Planted(init_pp=2, scope_pp=1, policy_pp=-0.5, model_pp=1, champion=0.9))
    assert agree(folder)
    assert accuracy_error(folder) <= TOLERANCE


def test_missing_runs_agree(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(images=500, without=("vgg11-scratch-frozen",)))
    rungs = pd.read_csv(folder / "rungs.csv")
    lost = rungs["run_id"].str.startswith("googlenet-scratch-full-uniform-s2")
    rungs.loc[lost, "state"] = "interrupted"
    rungs.to_csv(folder / "rungs.csv", index=False)
    write_analysis(folder)
    assert agree(folder)


def test_networks_of_different_length_agree(tmp_path: Path) -> None:
    """Each network at its own rung, both at their common one."""
    folder = plant(tmp_path, Planted(images=500, init_pp=2, model_pp=1))
    rungs = pd.read_csv(folder / "rungs.csv")
    short = (rungs["model"] == "vgg11") & (rungs["rung"] == RUNGS[-1])
    rungs[~short].to_csv(folder / "rungs.csv", index=False)
    write_analysis(folder)
    assert agree(folder)


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_few_seeds_agree(tmp_path: Path, seeds: int) -> None:
    folder = plant(tmp_path, Planted(images=500, seeds=seeds, init_pp=8, scope_pp=3))
    write_analysis(folder)
    assert agree(folder)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("effect_pp", 1e-6),
        ("n_pairs", 1),
        ("ci_low_pp", 1e-6),
        ("p_value", 1e-6),
        ("p_adjusted", 1e-6),
        ("verdict", "equal"),
        ("family", "?"),
    ],
)
def test_a_wrong_table_is_found(tmp_path: Path, column: str, change: float | str) -> None:
    folder = plant(tmp_path, Planted(seeds=2, images=500))
    write_analysis(folder)
    table = pd.read_csv(folder / "contrasts.csv")
    table.loc[3, column] += change
    table.to_csv(folder / "contrasts.csv", index=False)
    assert not agree(folder)


def test_nothing_of_the_product_is_imported() -> None:
    tree = ast.parse((ROOT / "benchmarks" / "recompute.py").read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert {name.split(".")[0] for name in names if name} == {
        "__future__",
        "argparse",
        "itertools",
        "math",
        "numpy",
        "pandas",
        "pathlib",
        "scipy",
        "typing",
    }
