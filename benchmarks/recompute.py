"""Effects of contrasts.csv computed a second time, from the definitions in words.

`python -m benchmarks.recompute results` reads results.csv and predictions.npz with pandas and numpy,
imports nothing of the product, and compares with contrasts.csv. Ends with 1 where an effect differs
by more than 1e-9 pp, or an accuracy from its predictions by more than 1e-9.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

TOLERANCE = 1e-9
FULL = ("uniform", "discriminative")


def accuracies(folder: Path) -> pd.DataFrame:
    """One row per seed, one column per (model, init, lr_policy): accuracy on the test set, %.

    lr_policy `none` is the frozen arm. The accuracy is counted from the stored predictions where
    there are any.
    """
    runs = pd.read_csv(folder / "results.csv", keep_default_na=False, na_values=[""])
    runs = runs[(runs["state"] == "finished") & runs["test_accuracy"].notna()]
    usual = runs.groupby("model")[["train_images", "resolution"]].transform(lambda x: x.mode()[0])
    runs = runs[(runs[["train_images", "resolution"]] == usual).all(axis=1)]
    counted = _counted(folder / "predictions.npz")
    values = [
        100 * counted.get(run_id, stored)
        for run_id, stored in zip(runs["run_id"], runs["test_accuracy"], strict=True)
    ]
    return runs.assign(value=values).pivot(
        index="seed", columns=["model", "init", "lr_policy"], values="value"
    )


def effects(folder: Path) -> pd.DataFrame:
    """Columns name, model, effect_pp, n_pairs; an effect without a paired seed is NaN."""
    table = accuracies(folder)

    def cell(model: str, init: str, policy: str) -> pd.Series:
        key = (model, init, policy)
        return table[key] if key in table else pd.Series(np.nan, index=table.index)

    def full(model: str, init: str) -> pd.Series:
        return (cell(model, init, "uniform") + cell(model, init, "discriminative")) / 2

    def network(model: str) -> pd.Series:
        parts = [cell(model, i, p) for i in ("pretrained", "scratch") for p in ("none", *FULL)]
        return sum(parts[1:], parts[0]) / len(parts)

    def policy_gain(model: str, init: str) -> pd.Series:
        return cell(model, init, "discriminative") - cell(model, init, "uniform")

    per_seed: dict[tuple[str, str], pd.Series] = {}
    for model in ("vgg11", "googlenet"):
        frozen = cell(model, "pretrained", "none") - cell(model, "scratch", "none")
        tuned = full(model, "pretrained") - full(model, "scratch")
        per_seed["init@frozen", model] = frozen
        per_seed["init@full", model] = tuned
        for init in ("pretrained", "scratch"):
            per_seed[f"scope@{init}", model] = full(model, init) - cell(model, init, "none")
            per_seed[f"lr_policy@{init}", model] = policy_gain(model, init)
        per_seed["init×scope", model] = tuned - frozen
        per_seed["init×lr_policy", model] = policy_gain(model, "pretrained") - policy_gain(
            model, "scratch"
        )
    for name in dict.fromkeys(name for name, _ in per_seed):
        per_seed[name, "pooled"] = (per_seed[name, "vgg11"] + per_seed[name, "googlenet"]) / 2
    per_seed["model", "all"] = network("googlenet") - network("vgg11")
    rows = [(*key, series.mean(), series.count()) for key, series in per_seed.items()]
    return pd.DataFrame(rows, columns=["name", "model", "effect_pp", "n_pairs"])


def compare(folder: Path) -> pd.DataFrame:
    """Rows of contrasts.csv beside the second computation; `difference_pp` is 0 where both are NaN."""
    stored = pd.read_csv(folder / "contrasts.csv")
    both = stored[["name", "model", "effect_pp", "n_pairs"]].merge(
        effects(folder), on=["name", "model"], how="outer", suffixes=("", "_again")
    )
    one, two = both["effect_pp"], both["effect_pp_again"]
    difference = (one - two).abs().fillna(np.inf).mask(one.isna() & two.isna(), 0.0)
    return both.assign(difference_pp=difference)


def accuracy_error(folder: Path) -> float:
    """Largest difference between a stored test accuracy and the one counted from predictions."""
    runs = pd.read_csv(folder / "results.csv").set_index("run_id")["test_accuracy"]
    counted = _counted(folder / "predictions.npz")
    errors = [abs(runs[run_id] - value) for run_id, value in counted.items() if run_id in runs]
    return float(max(errors, default=0.0))


def _counted(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        labels = stored["labels"]
        return {
            key.removesuffix(".class"): float((stored[key] == labels).mean())
            for key in stored.files
            if key.endswith(".class")
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("results"))
    folder = parser.parse_args().folder
    both, error = compare(folder), accuracy_error(folder)
    print(both.to_string(index=False))
    agreed = bool((both["difference_pp"] <= TOLERANCE).all()) and error <= TOLERANCE
    agreed &= bool((both["n_pairs"] == both["n_pairs_again"]).all())
    print(f"largest difference: effects {both['difference_pp'].max():.1e} pp, accuracies {error:.1e}")
    raise SystemExit(0 if agreed else 1)


if __name__ == "__main__":
    main()
