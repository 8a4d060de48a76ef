"""Computes contrasts.csv a second time from the definitions: effects, intervals, verdicts.

`python -m benchmarks.recompute results` reads rungs.csv and predictions.npz with pandas, numpy and scipy,
imports nothing of the product, and compares with contrasts.csv. Tails are integrated over Student's part,
where the product integrates over the normal one; an adjusted p-value is the smallest level at which the
sequential procedure rejects, found by bisection. Exits with 1 if an effect, an interval or a p-value
differs by more than 1e-9, or if a verdict differs.
"""

from __future__ import annotations

import argparse
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

TOLERANCE = 1e-9
NETS = ("vgg11", "googlenet")
#: Weight, initialisation and rate policy of the arms of each contrast within a network (`none`: frozen).
SIDES = {
    "init@frozen": ((1, "pretrained", "none"), (-1, "scratch", "none")),
    "init@full": ((1, "pretrained", "uniform"), (-1, "scratch", "uniform")),
    "scope@pretrained": ((1, "pretrained", "uniform"), (-1, "pretrained", "none")),
    "scope@scratch": ((1, "scratch", "uniform"), (-1, "scratch", "none")),
    "lr_policy@pretrained": ((1, "pretrained", "discriminative"), (-1, "pretrained", "uniform")),
    "lr_policy@scratch": ((1, "scratch", "discriminative"), (-1, "scratch", "uniform")),
    "init×scope": (
        (1, "pretrained", "uniform"),
        (-1, "scratch", "uniform"),
        (-1, "pretrained", "none"),
        (1, "scratch", "none"),
    ),
    "init×lr_policy": (
        (1, "pretrained", "discriminative"),
        (-1, "scratch", "discriminative"),
        (-1, "pretrained", "uniform"),
        (1, "scratch", "uniform"),
    ),
}
PRIMARY = ("init@full", "scope@pretrained", "lr_policy@pretrained")
#: Level of all claims, share of it for the secondary contrasts, share of a claimed primary contrast's level
#: that passes to them, and margin of equivalence in pp.
ALPHA, SECONDARY, PASSED, MARGIN = 0.05, 0.2, 0.5, 1.0
#: Gauss–Legendre nodes and weights for one piece of an integral.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(100)
#: Weight, network, initialisation and rate policy of each arm of a contrast.
Terms = tuple[tuple[float, str, str, str], ...]


def contrasts() -> dict[tuple[str, str], Terms]:
    """Returns the arms of each contrast by (name, model)."""
    found: dict[tuple[str, str], Terms] = {}
    for name, sides in SIDES.items():
        for nets, model in ((("vgg11",), "vgg11"), (("googlenet",), "googlenet"), (NETS, "pooled")):
            found[name, model] = tuple(
                (weight / len(nets), net, init, policy) for net in nets for weight, init, policy in sides
            )
    cells = list(itertools.product(("pretrained", "scratch"), ("none", "uniform")))
    found["model", "all"] = tuple(
        (sign / len(cells), net, init, policy)
        for net, sign in (("googlenet", 1), ("vgg11", -1))
        for init, policy in cells
    )
    return found


def finished_runs(folder: Path) -> pd.DataFrame:
    """Returns the finished runs: model, init, lr_policy, seed, rung, key, and value.

    `value` is test accuracy in per cent. It is counted from the stored predictions if there are any.
    """
    runs = pd.read_csv(folder / "rungs.csv", keep_default_na=False, na_values=[""])
    runs = runs[(runs["state"] == "finished") & runs["test_accuracy"].notna()]
    hits = _hits(folder / "predictions.npz")
    keys = runs["run_id"] + "." + runs["rung"].astype(int).astype(str)
    values = [
        100 * (hits[key].mean() if key in hits else stored)
        for key, stored in zip(keys, runs["test_accuracy"], strict=True)
    ]
    return runs.assign(value=values, key=keys)[
        ["model", "init", "lr_policy", "seed", "rung", "value", "key"]
    ]


def at_rung(found: pd.DataFrame) -> pd.DataFrame:
    """Returns the runs at the rung where arms are compared.

    It is the longest rung that every arm has with three seeds (else with two, else with one). The next
    shorter one is chosen if every arm has it with at least five seeds and the longest has fewer.
    """
    arms = ["model", "init", "lr_policy"]
    counts = found.groupby([*arms, "rung"])["seed"].nunique().reset_index()
    by_rung = counts.groupby("rung")["seed"].agg(["size", "min"])
    by_rung = by_rung[by_rung["size"] == by_rung["size"].max()]["min"]
    if by_rung.empty:
        return found
    enough = by_rung[by_rung >= min(3, by_rung.max())]
    rung = enough.index.max()
    shorter = by_rung[by_rung.index < rung]
    if by_rung[rung] < 5 and len(shorter) and shorter.iloc[-1] >= 5:
        rung = shorter.index[-1]
    return found[found["rung"] == rung]


def table(folder: Path) -> pd.DataFrame:
    """Computes the columns of contrasts.csv."""
    found, hits = finished_runs(folder), _hits(folder / "predictions.npz")
    own = {model: at_rung(found[found["model"] == model]) for model in NETS}
    common = at_rung(found)
    rows = []
    for (name, model), terms in contrasts().items():
        runs = common if model in ("pooled", "all") else own[model]
        rows.append({"name": name, "model": model, **_row(terms, runs, hits)})
    frame = pd.DataFrame(rows)
    families = [
        "exploratory" if model == "pooled" else "primary" if name in PRIMARY else "secondary"
        for name, model in zip(frame["name"], frame["model"], strict=True)
    ]
    frame["family"] = families
    frame["p_adjusted"] = _adjusted(frame)
    frame["verdict"] = [_verdict(row) for row in frame.to_dict("records")]
    return frame


def _row(terms: Terms, runs: pd.DataFrame, hits: dict[str, Any]) -> dict[str, Any]:
    cells = []
    for _, net, init, policy in terms:
        cell = runs[(runs["model"] == net) & (runs["init"] == init) & (runs["lr_policy"] == policy)]
        cells.append(cell.drop_duplicates("seed", keep="last").set_index("seed"))
    seeds = sorted(set.intersection(*(set(cell.index) for cell in cells)))
    weights = [term[0] for term in terms]
    effects = [
        sum(w * cell.loc[seed, "value"] for w, cell in zip(weights, cells, strict=True)) for seed in seeds
    ]
    keys = [[cell.loc[seed, "key"] for cell in cells] for seed in seeds]
    images = None
    sizes = {hits[key].size if key in hits else 0 for row in keys for key in row}
    if len(sizes) == 1 and 0 not in sizes:
        images = np.array(
            [sum(100 * w * hits[key] for w, key in zip(weights, row, strict=True)) for row in keys]
        )
    count = len(seeds)
    mean = float(np.mean(effects)) if effects else math.nan
    if count < 2:
        return {
            "effect_pp": mean,
            "ci_low_pp": math.nan,
            "ci_high_pp": math.nan,
            "n_pairs": count,
            "p_value": math.nan,
        }
    error, spread = float(stats.sem(effects)), _spread(images)
    half = float(
        optimize.brentq(
            lambda x: _tail(x, error, spread, count - 1) - 0.025,
            0,
            stats.t.isf(0.0125, count - 1) * error + 3 * spread + 1e-9,
            xtol=1e-13,
        )
    )
    p_value = min(1.0, 2 * _tail(abs(mean), error, spread, count - 1))
    return {
        "effect_pp": mean,
        "ci_low_pp": mean - half,
        "ci_high_pp": mean + half,
        "n_pairs": count,
        "p_value": p_value,
    }


def _spread(images: Any) -> float:
    """Returns the standard error that the test images add: the image's main effect in a two-way layout."""
    if images is None:
        return 0.0
    seeds, count = images.shape
    by_image = images.mean(axis=0)
    main = by_image.var(ddof=1) / count
    residual = images - by_image - images.mean(axis=1)[:, None] + images.mean()
    noise = (residual**2).sum() / ((seeds - 1) * (count - 1)) / seeds / count
    return math.sqrt(max(main - noise, 0.0))


def _tail(x: float, error: float, spread: float, df: int) -> float:
    """Returns P(T·error + Z·spread > x), integrated over u with T = sinh u."""
    if error == 0:
        return float(stats.norm.sf(x / spread)) if spread else 0.5 * (x == 0)
    if spread < 1e-12:
        return float(stats.t.sf(x / error, df))

    steps = [math.asinh((x + k * spread) / error) for k in (-7, -3, -1, 1, 3, 7)]
    edges = np.array(sorted({-40.0, -15.0, -5.0, -2.0, 0.0, 2.0, 5.0, 15.0, 40.0, *steps}))
    half = np.diff(edges)[:, None] / 2
    u = edges[:-1, None] + half * (1 + NODES)
    t = np.sinh(u)
    inside = stats.t.pdf(t, df) * np.cosh(u) * stats.norm.sf((x - t * error) / spread)
    return float((half * WEIGHTS * inside).sum())


def _adjusted(frame: pd.DataFrame) -> list[float]:
    """Returns the smallest level at which each contrast is rejected; NaN outside of the families."""
    tested = [
        i
        for i, row in frame.iterrows()
        if row["family"] != "exploratory" and not math.isnan(row["p_value"])
    ]
    p_values = {i: float(frame.loc[i, "p_value"]) for i in tested}
    primary = {i for i in tested if frame.loc[i, "family"] == "primary"}

    def level(i: int) -> float:
        low, high = 0.0, 1.0
        if i not in _rejected(p_values, primary, 1.0):
            return 1.0
        while high - low > 1e-12:
            middle = (low + high) / 2
            low, high = (low, middle) if i in _rejected(p_values, primary, middle) else (middle, high)
        return high

    return [level(i) if i in p_values else math.nan for i in frame.index]


def _rejected(p_values: dict[int, float], primary: set[int], alpha: float) -> set[int]:
    """Returns what the sequential procedure of Bretz et al. (2009) rejects at level `alpha`."""
    names = sorted(p_values)
    first = [i in primary for i in names]
    m, k = sum(first), len(names) - sum(first)
    share = SECONDARY if m and k else float(k > 0)
    weights = np.array([(1 - share) / m if p else share / k for p in first])
    shares = np.zeros((len(names), len(names)))
    for a, b in itertools.permutations(range(len(names)), 2):
        if first[a] and k:
            shares[a, b] = (PASSED if m > 1 else 1.0) / k if not first[b] else (1 - PASSED) / (m - 1)
        elif first[a]:
            shares[a, b] = 1 / (m - 1)
        elif not first[b]:
            shares[a, b] = 1 / (k - 1)
    left, out = set(range(len(names))), set()
    while hit := [i for i in left if p_values[names[i]] <= weights[i] * alpha * (1 + 1e-15)]:
        j = hit[0]
        left.remove(j)
        out.add(names[j])
        new, old = weights.copy(), shares.copy()
        for a in left:
            new[a] = weights[a] + weights[j] * old[j, a]
            for b in left - {a}:
                back = old[a, j] * old[j, a]
                shares[a, b] = (old[a, b] + old[a, j] * old[j, b]) / (1 - back) if back < 1 else 0.0
        weights = new
    return out


def _verdict(row: dict[str, Any]) -> str:
    if row["n_pairs"] == 0:
        return "not measured"
    if row["family"] == "exploratory":
        return "exploratory"
    if row["p_adjusted"] <= ALPHA:
        return "better" if row["effect_pp"] > 0 else "worse"
    inside = row["ci_low_pp"] > -MARGIN and row["ci_high_pp"] < MARGIN
    return "equivalent" if inside else "not established"


def compare(folder: Path) -> pd.DataFrame:
    """Returns the rows of contrasts.csv beside the second computation.

    `difference` is the largest difference of the row's numbers, 0 where both are NaN. `agrees` says whether
    numbers, family and verdict agree.
    """
    stored = pd.read_csv(folder / "contrasts.csv")
    both = stored.merge(table(folder), on=["name", "model"], how="outer", suffixes=("", "_again"))
    numbers = ("effect_pp", "ci_low_pp", "ci_high_pp", "n_pairs", "p_value", "p_adjusted")
    differences = []
    for name in numbers:
        one, two = both[name].astype(float), both[f"{name}_again"].astype(float)
        differences.append((one - two).abs().fillna(np.inf).mask(one.isna() & two.isna(), 0.0))
    both["difference"] = np.max(differences, axis=0)
    same = (both["family"] == both["family_again"]) & (both["verdict"] == both["verdict_again"])
    both["agrees"] = same & (both["difference"] <= TOLERANCE)
    return both


def accuracy_error(folder: Path) -> float:
    """Returns the largest difference between a stored test accuracy and that from the predictions."""
    hits, errors = _hits(folder / "predictions.npz"), [0.0]
    for name in ("rungs.csv", "results.csv"):  # only the second has the champion
        runs = pd.read_csv(folder / name)
        runs = runs[(runs["state"] == "finished") & runs["rung"].notna()]
        keys = runs["run_id"] + "." + runs["rung"].astype(int).astype(str)
        errors += [
            abs(stored - hits[key].mean())
            for key, stored in zip(keys, runs["test_accuracy"], strict=True)
            if key in hits
        ]
    return float(max(errors))


def _hits(path: Path) -> dict[str, Any]:
    """Returns for each evaluation float64 [n]: 1.0 for a correct answer, else 0.0.

    The answers are to the first n images of the labels.
    """
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        labels = stored["labels"]
        return {
            key.removesuffix(".class"): (stored[key] == labels[: len(stored[key])]).astype(float)
            for key in stored.files
            if key.endswith(".class")
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("results"))
    folder = parser.parse_args().folder
    both, error = compare(folder), accuracy_error(folder)
    shown = ["name", "model", "effect_pp", "ci_low_pp", "ci_high_pp", "p_adjusted", "verdict", "difference"]
    print(both[shown].to_string(index=False))
    print(f"largest difference: contrasts {both['difference'].max():.1e}, accuracies {error:.1e}")
    raise SystemExit(0 if both["agrees"].all() and error <= TOLERANCE else 1)


if __name__ == "__main__":
    main()
