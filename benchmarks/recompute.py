"""Effects of contrasts.csv computed a second time, from the definitions in words.

`python -m benchmarks.recompute results` reads rungs.csv and predictions.npz with pandas and numpy,
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
    """Columns model, init, lr_policy, seed, rung and value: accuracy on the test images, %.

    lr_policy `none` is the frozen arm. The accuracy is counted from the stored predictions where
    there are any.
    """
    runs = pd.read_csv(folder / "rungs.csv", keep_default_na=False, na_values=[""])
    runs = runs[(runs["state"] == "finished") & runs["test_accuracy"].notna()]
    counted = _counted(folder / "predictions.npz")
    names = runs["run_id"] + "." + runs["rung"].astype(int).astype(str)
    values = [
        100 * counted.get(name, stored) for name, stored in zip(names, runs["test_accuracy"], strict=True)
    ]
    return runs.assign(value=values)[["model", "init", "lr_policy", "seed", "rung", "value"]]


def at_rung(found: pd.DataFrame) -> pd.DataFrame:
    """One row per seed, one column per (model, init, lr_policy), at the rung where arms are compared.

    That is the longest training that every arm has three times (twice, once); the next shorter one
    where every arm has that at least five times and the longest not.
    """
    arms = ["model", "init", "lr_policy"]
    counts = found.groupby([*arms, "rung"])["seed"].nunique().reset_index()
    by_rung = counts.groupby("rung")["seed"].agg(["size", "min"])
    by_rung = by_rung[by_rung["size"] == by_rung["size"].max()]["min"]
    if by_rung.empty:
        return pd.DataFrame()
    enough = by_rung[by_rung >= min(3, by_rung.max())]
    rung = enough.index.max()
    shorter = by_rung[by_rung.index < rung]
    if by_rung[rung] < 5 and len(shorter) and shorter.iloc[-1] >= 5:
        rung = shorter.index[-1]
    return found[found["rung"] == rung].pivot(index="seed", columns=arms, values="value")


def effects(folder: Path) -> pd.DataFrame:
    """Columns name, model, effect_pp, n_pairs; an effect without a paired seed is NaN."""
    found = accuracies(folder)
    own = {model: at_rung(found[found["model"] == model]) for model in ("vgg11", "googlenet")}
    rows = []
    for names, tables in (
        (("vgg11",), own), (("googlenet",), own), (("pooled", "all"), dict.fromkeys(own, at_rung(found))),
    ):  # fmt: skip
        rows += [
            (*key, series.mean(), series.count())
            for key, series in _per_seed(tables).items()
            if key[1] in names
        ]
    return pd.DataFrame(rows, columns=["name", "model", "effect_pp", "n_pairs"])


def _per_seed(tables: dict[str, pd.DataFrame]) -> dict[tuple[str, str], pd.Series]:
    """(name, model) → effect of every seed, from the table of each network."""

    def cell(model: str, init: str, policy: str) -> pd.Series:
        table, key = tables[model], (model, init, policy)
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
    return per_seed


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
    counted, errors = _counted(folder / "predictions.npz"), [0.0]
    for name in ("rungs.csv", "results.csv"):  # the champion stands in the second only
        runs = pd.read_csv(folder / name)
        runs = runs[(runs["state"] == "finished") & runs["rung"].notna()]
        keys = runs["run_id"] + "." + runs["rung"].astype(int).astype(str)
        errors += [
            abs(stored - counted[key])
            for key, stored in zip(keys, runs["test_accuracy"], strict=True)
            if key in counted
        ]
    return float(max(errors))


def _counted(path: Path) -> dict[str, float]:
    """`run_id.rung` → accuracy; an answer is to the first images in the order of the labels."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        labels = stored["labels"]
        return {
            key.removesuffix(".class"): float((stored[key] == labels[: len(stored[key])]).mean())
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
