"""Every number in the tables of a whole study's PDF is the stored one at the printed precision.

The stored tables are read with pandas and the values computed here, apart from the report's code. Not
compared: `classes` (counts of the data set), `summary` and `q7-views` (`test_answer_numbers`), `object`
and `mistakes` (arrays), `environment` and `hashes` (text).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from study.report.form_check.tables import find_tables
from study.report.locale.messages import Words

if TYPE_CHECKING:
    from conftest import Sample

Rows = list[list[str]]
OUTSIDE = {"classes", "environment", "hashes", "mistakes", "object", "q7-views", "summary"}
_KEYS = ["model", "init", "scope", "lr_policy"]
_NUMBER = r"[+−]?\d[\d ]*(?:,\d+)?"


class Count:
    """Compares printed numbers and counts them."""

    def __init__(self) -> None:
        self.numbers = 0

    def close(self, shown: str, value: float, digits: int) -> None:
        """`shown` has so many decimals and is `value` rounded to them."""
        text = shown.replace("−", "-").replace(" ", "").replace(",", ".")
        assert len(text.partition(".")[2]) == digits, shown
        assert abs(float(text) - value) <= 0.5 * 10**-digits * (1 + 1e-6), (shown, value)
        self.numbers += 1

    def share(self, shown: str, value: float) -> None:
        if math.isnan(value):
            assert shown == "–"
        else:
            self.close(shown, 100 * value, 2)

    def rate(self, shown: str, value: float) -> None:
        """`0,00127` to three significant digits, or `3,2·10−4`."""
        mantissa, times, power = shown.replace("−", "-").replace(",", ".").partition("·10")
        if times:
            step = 0.05 * 10.0 ** int(power)
            assert abs(float(mantissa) * 10.0 ** int(power) - value) <= step * (1 + 1e-6), shown
        else:
            step = 0.5 * 10.0 ** (math.floor(math.log10(value)) - 2)
            assert abs(float(mantissa) - value) <= step * (1 + 1e-6), (shown, value)
        self.numbers += 1

    def seconds(self, shown: str, value: float | None) -> None:
        """`8,3 с`, `5 мин 07 с`, `1 ч 12 мин`."""
        if value is None:
            assert shown == "–"
            return
        units = {"с": 1, "мин": 60, "ч": 3600}
        parts = re.findall(r"([\d,]+) (ч|мин|с)\b", shown)
        total = sum(float(number.replace(",", ".")) * units[unit] for number, unit in parts)
        step = 0.05 if "," in shown else 30 if "ч" in shown else 0.5
        assert parts and abs(total - value) <= step * (1 + 1e-6), (shown, value)
        self.numbers += len(parts)


@pytest.fixture(scope="module")
def tables(sample: Sample, words: Words) -> dict[str, Rows]:
    """Rows of the body by name of the table, parts on several pages joined."""
    names = {n: name for name, n in re.findall(r'id="number-tab-([\w-]+)">([^<]+)<', sample.html)}
    found: dict[str, Rows] = {}
    for table in find_tables(sample.pdf):
        number = re.search(r"[тТ]аблиц[аы] (\S+)", table.caption)
        assert number, table.caption
        rows = [[cell.text for cell in row] for row in table.rows]
        found.setdefault(names[number[1]], []).extend(rows)
    return found


def _label(row: Any, words: Words) -> tuple[str, str]:
    parts = [row["init"], row["scope"]] + [row["lr_policy"]] * (row["lr_policy"] != "none")
    return words.model[row["model"]], words.arm_table["-".join(parts)]


def _read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, keep_default_na=False, na_values=[""])


def _groups(folder: Path, words: Words) -> dict[tuple[str, str], pd.DataFrame]:
    results = _read(folder, "results.csv")
    finished = results[(results["state"] == "finished") & (results["role"] == "matrix")]
    return {_label(group.iloc[0], words): group for _, group in finished.groupby(_KEYS)}


def _half_width(values: pd.Series, images: int) -> float:
    """Quantile of Student's part over seeds plus a binomial one over images, by a sum over the latter."""
    z = np.linspace(-8, 8, 4_001)
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    mean, error = values.mean(), stats.sem(values)
    spread = math.sqrt(mean * (100 - mean) / images)

    def beyond(x: float) -> float:
        return float(weights @ stats.t.sf((x - z * spread) / error, len(values) - 1)) - 0.025

    return float(optimize.brentq(beyond, 0, 1_000))


def _arms(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    groups, models = _groups(folder, words), list(words.model.values())
    simple = {words.baseline[row["name"]]: row for _, row in _read(folder, "baselines.csv").iterrows()}
    seen, model = set(), ""
    for first, *cells in rows:
        if not cells:  # the head of a group
            model = first if first in models else ""
            continue
        if first in simple:
            row = simple.pop(first)
            count.share(cells[3], row["test_accuracy"])
            assert math.isnan(row["seconds"]) or not count.close(cells[-1], row["seconds"], 0)
            continue
        seen.add((model, first))
        group = groups[model, first]
        n, *shares, interval, seconds = cells
        count.close(n, len(group), 0)
        for shown, column in zip(shares, ("train", "val", "test"), strict=True):
            count.share(shown, group[f"{column}_accuracy"].mean())
        values = 100 * group["test_accuracy"]
        half = _half_width(values, group["test_images"].min())
        ends = (values.mean() - half, values.mean() + half)
        for shown, end in zip(interval.strip("[]").split("; "), ends, strict=True):
            count.close(shown, end, 2)
        count.close(seconds, group["train_seconds"].mean(), 0)
    assert seen == set(groups) and not simple


def _champion(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    """The one row of the champion, then those of the simplest solutions."""
    results = _read(folder, "results.csv")
    (row,) = (row for _, row in results.iterrows() if row["role"] == "champion")
    _, images, *shares, interval = rows[0]
    count.close(images, row["rung"], 0)
    for shown, column in zip(shares, ("train", "val", "test"), strict=True):
        count.share(shown, row[f"{column}_accuracy"])
    p, n = row["test_accuracy"], row["test_images"]
    right = round(p * n)  # Clopper and Pearson's limits are quantiles of beta distributions
    low = 100 * stats.beta.ppf(0.025, right, n - right + 1)
    high = 100 * stats.beta.ppf(0.975, right + 1, n - right)
    for shown, end in zip(interval.strip("[]").split("; "), (low, high), strict=True):
        count.close(shown, end, 2)
    simple = {words.baseline[row["name"]]: row for _, row in _read(folder, "baselines.csv").iterrows()}
    assert [first for first, *_ in rows[1:]] == list(simple)
    for first, _, _, _, accuracy, _ in rows[1:]:
        count.share(accuracy, simple[first]["test_accuracy"])


def _per_class(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    results = _read(folder, "results.csv")
    (row,) = (row for _, row in results.iterrows() if row["role"] == "champion")
    with np.load(folder / "predictions.npz") as stored:
        answers, labels = stored[f"{row['run_id']}.{row['rung']}.class"], stored["labels"]
    assert [name for name, *_ in rows] == words.classes and len(answers) == len(labels) == 10_000
    for k, (_, images, precision, recall, f1) in enumerate(rows):
        count.close(images, int((labels == k).sum()), 0)
        right = int(((labels == k) & (answers == k)).sum())
        exact = right / int((answers == k).sum()), right / int((labels == k).sum())
        count.close(precision, 100 * exact[0], 1)
        count.close(recall, 100 * exact[1], 1)
        count.close(f1, 100 * 2 * exact[0] * exact[1] / sum(exact), 1)


def _tried(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    trials = _read(folder, "trials.csv")
    groups = {_label(group.iloc[0], words): group for _, group in trials.groupby(_KEYS)}
    assert {(model, arm) for model, arm, *_ in rows} == set(groups)
    for model, arm, number, rates, best, decays, factor in rows:
        group = groups[model, arm]
        top = group.loc[group["val_accuracy"].idxmax()]
        count.close(number, len(group), 0)
        low, high = rates.split("–")
        count.rate(low, group["lr"].min())
        count.rate(high, group["lr"].max())
        count.rate(best.rstrip("*"), top["lr"])
        assert best.endswith("*") is (top["lr"] in (group["lr"].min(), group["lr"].max()))
        if group["lr_decay"].isna().all():
            assert decays == factor == "–"
        else:
            count.close(factor, top["lr_decay"], 2)


def _quality(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    groups = _groups(folder, words)
    results = _read(folder, "results.csv")
    title = words.figure["champion"]
    groups |= {
        (words.model[row["model"]], title[0].upper() + title[1:]): results.loc[[place]]
        for place, row in results.iterrows()
        if row["role"] == "champion"
    }
    for model, arm, accuracy, *others in rows:
        group = groups[model, arm]
        count.share(accuracy, group["test_accuracy"].mean())
        for shown, column in zip(others, ("macro_f1", "test_loss", "ece"), strict=True):
            count.close(shown, group[column].mean(), 3)


def _hyper(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    groups, trials = _groups(folder, words), _read(folder, "trials.csv")
    tuned = trials.apply(lambda row: _label(row, words), axis=1).value_counts()
    for model, arm, lr, decay, smoothing, factor, tried in rows:
        group = groups[model, arm]
        count.rate(lr, group["lr"].mean())
        count.rate(decay, group["weight_decay"].mean())
        count.close(smoothing, group["label_smoothing"].mean(), 2)
        if group["lr_decay"].isna().all():
            assert factor == "–"
        else:
            count.close(factor, group["lr_decay"].mean(), 2)
        count.close(tried, tuned[(model, arm)], 0)


def _runs(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    results = _read(folder, "results.csv")
    title = words.figure["champion"]
    named = ((_label(row, words), row) for _, row in results.iterrows())
    stored = {
        (model, title[0].upper() + title[1:] if row["role"] == "champion" else arm, str(row["seed"])): row
        for (model, arm), row in named
    }
    assert len(rows) == len(stored) == len({tuple(row[:3]) for row in rows})
    for model, arm, seed, length, state, *shares, seconds in rows:
        row = stored[model, arm, seed]
        count.close(length, row["rung"], 0)
        assert state == words.state[row["state"]]
        for shown, column in zip(shares, ("val", "train", "test"), strict=True):
            count.share(shown, row[f"{column}_accuracy"])
        count.close(seconds, row["train_seconds"], 0)


def _trials(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    trials = _read(folder, "trials.csv")
    stored = {(*_label(row, words), str(row["trial"])): row for _, row in trials.iterrows()}
    assert len(rows) == len(stored) == len({tuple(row[:3]) for row in rows})
    for model, arm, trial, state, lr, decay, factor, accuracy in rows:
        row = stored[model, arm, trial]
        assert state == words.state[row["state"]]
        count.rate(lr, row["lr"])
        count.rate(decay, row["weight_decay"])
        if math.isnan(row["lr_decay"]):
            assert factor == "–"
        else:
            count.close(factor, row["lr_decay"], 2)
        count.share(accuracy, row["val_accuracy"])


def _contrasts(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    stored = {(row["name"], row["model"]): row for _, row in _read(folder, "contrasts.csv").iterrows()}
    names = {title: name for name, title in words.contrast.items()}
    for title, *cells in rows:
        models = ["all"] if names[title] == "model" else ["vgg11", "googlenet", "pooled"][: len(cells)]
        for cell, model in zip(cells, models, strict=True):
            row = stored[names[title], model]
            shown = re.findall(_NUMBER, cell)
            count.close(shown[0], row["effect_pp"], 2)
            count.close(shown[1], row["ci_low_pp"], 2)
            count.close(shown[2], row["ci_high_pp"], 2)
            if len(shown) > 3:
                count.close(shown[3], max(row["p_adjusted"], 0.001), 3)
            verdicts = words.verdict_interaction if "×" in names[title] else words.verdict
            assert cell.endswith(verdicts[row["verdict"]])


def _plan(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    phases = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["phases"]
    starts = sum(phase["phase"] == "setup" for phase in phases)
    heads = [row[0] for row in rows if len(row) == 1]  # a study that went on: one for each start
    assert len(heads) == (starts if starts > 1 else 0)
    whole = [row for row in rows if len(row) > 1]
    for (title, planned, actual, off), phase in zip(whole, phases, strict=True):
        assert title == words.phase[phase["phase"]]
        count.seconds(planned, phase["predicted_seconds"])
        count.seconds(actual, phase["actual_seconds"])
        if phase["predicted_seconds"] and phase["actual_seconds"] is not None:
            count.close(off, 100 * phase["actual_seconds"] / phase["predicted_seconds"] - 100, 0)


def _adaptation(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    stored = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
    expected: list[tuple[str, str, int, int]] = []
    for model, of in stored.items():
        expected += [
            (words.model[model], layer["layer"], layer["parameters_before"], layer["parameters_after"])
            for layer in of["layers"]
            if layer["parameters_before"] != layer["parameters_after"]
        ]
        expected.append((words.model[model], "", of["original_parameters"], of["adapted_parameters"]))
    for row, (model, layer, before, after) in zip(rows, expected, strict=True):
        assert row[0] == model and row[1].startswith(layer)
        count.close(row[4], before, 0)
        count.close(row[5], after, 0)


def _stages(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    stored = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
    sizes = {m: [stage["parameters"] for stage in reversed(of["stages"])] for m, of in stored.items()}
    for place, (number, _, *cells) in enumerate(rows):
        count.close(number, place, 0)
        for model, cell in zip(("vgg11", "googlenet"), cells, strict=True):
            if place < len(sizes[model]):
                count.close(cell[cell.rindex("(") :].strip("()"), sizes[model][place], 0)
            else:
                assert cell == "–"


def _first_conv(rows: Rows, folder: Path, words: Words, count: Count) -> None:
    side = _read(folder, "experiments.csv")
    side = side[(side["experiment"] == "adaptation") & (side["state"] == "finished")]
    for variant, title in (("mean", "Среднее по каналам"), ("fresh", "Случайный")):
        for row in rows:
            if row[0] == title:
                count.share(row[1], side[side["first_conv"] == variant]["test_accuracy"].mean())


COMPARE: dict[str, Callable[[Rows, Path, Words, Count], None]] = {
    "arms": _arms,
    "quality": _quality,
    "hyper": _hyper,
    "runs": _runs,
    "trials": _trials,
    "contrasts": _contrasts,
    "plan": _plan,
    "stages": _stages,
    "first-conv": _first_conv,
    "adaptation": _adaptation,
    "champion": _champion,
    "per-class": _per_class,
    "tried": _tried,
}


def test_every_number_of_the_tables_is_stored(
    tables: dict[str, Rows], sample: Sample, words: Words
) -> None:
    count = Count()
    for name, rows in tables.items():
        if name not in OUTSIDE:
            COMPARE[name](rows, sample.folder, words, count)
    needed = {"arms", "contrasts", "quality", "runs", "trials", "hyper", "champion", "per-class", "tried"}
    assert needed <= set(tables)
    assert count.numbers > 600
