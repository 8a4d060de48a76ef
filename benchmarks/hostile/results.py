"""Damages a results directory: tables, JSON files and arrays of a planted study, one at a time."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from benchmarks.hostile.mutation import as_json, damaged, misshapen, words
from benchmarks.hostile.target import Target
from study.analysis import analyse
from study.networks import DEFAULT
from study.report.data.defence import questions
from study.report.data.derived import Reading
from study.report.data.report_data import ReportData

PLANTING = Path(__file__).parents[2] / "tests" / "report"
MODEL = "googlenet"
OBJECTS = 40
WITNESS = {
    "state": "finished",
    "reason": "",
    "detail": "",
    "package": "timm",
    "version": "1",
    "sha256": "ab",
    "train_images": 100,
    "validation_images": 50,
    "test_images": 50,
    "resolution": 32,
    "features": 1280,
    "passes": 3,
    "seconds": 9.5,
    "pairs": [{"pretrained": 0.8, "random": 0.6, "pixels": 0.7}] * 3,
}
Case = tuple[str, bytes]


def small_results(folder: Path) -> Path:
    """Plants a study with every kind of file: one network, two seeds, 40 test objects."""
    whole = Path(tempfile.mkdtemp())
    sys.path.insert(0, str(PLANTING))
    from planted import plant

    plant(whole, seeds=2, trials=4)
    shutil.copytree(whole, folder)
    kept = set()
    for name in ("results.csv", "rungs.csv", "trials.csv", "experiments.csv", "history.csv"):
        if not (folder / name).exists():
            continue
        rows = list(csv.reader(io.StringIO((folder / name).read_text(encoding="utf-8"))))
        head, body = rows[0], [row for row in rows[1:] if row[0].startswith(MODEL)]
        if name == "results.csv":  # the six arms of the network
            seeds = sorted({row[head.index("seed")] for row in body})[:2]
            body = [row for row in body if row[head.index("seed")] in seeds]
            kept = {row[0] for row in body}
        elif name in ("rungs.csv", "history.csv"):
            body = [row for row in body if row[0] in kept]
        else:
            body = body[:8]
        (folder / name).write_bytes(_table([head, *body]))
    with np.load(whole / "predictions.npz") as stored:
        arrays = {
            key: stored[key][:OBJECTS]
            for key in stored.files
            if key == "labels" or key.rsplit(".", 2)[0] in kept
        }
    np.savez(folder / "predictions.npz", **arrays)
    (folder / "witness.json").write_bytes(as_json(WITNESS))
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    plan["rows"] = plan["rows"][:4]
    (folder / "plan.json").write_bytes(as_json(plan))
    return folder


def target(folder: Path) -> Target:
    results = small_results(folder / "results")
    return Target(name="results directory", cases=cases(results), attempt=changing(results, read))


def changing(results: Path, work: Callable[[Path], object]) -> Callable[[Case], None]:
    """Returns an attempt that puts the damaged file in place, works, and restores the good file."""

    def attempt(case: Case) -> None:
        path = results / case[0]
        good = path.read_bytes()
        path.write_bytes(case[1])
        try:
            work(results)
        finally:
            path.write_bytes(good)

    return attempt


def read(results: Path) -> ReportData:
    """Does with the files what the analysis and the report do, short of drawing and writing."""
    data = ReportData.of(analyse(results))
    assert data.findings and len(data.contrasts)
    reading = Reading(data)
    for arm in reading.shown:
        reading.confusions(arm), reading.recalls(arm)
    for model in data.models:
        reading.explanation(model), reading.separation(model)
    reading.object_answers(), reading.widest_gap(), reading.rows("results")
    reading.tried(), reading.left_out(), reading.champion_end, reading.baselines()
    questions(data)
    assert set(data.models) <= {model for model in DEFAULT}
    return data


def cases(results: Path) -> st.SearchStrategy[Case]:
    """Generates pairs of a file's name and its damaged content."""
    choices = []
    for path in sorted(results.rglob("*")):
        name, kind = str(path.relative_to(results)), path.suffix
        if path.is_dir() or name in ("findings.json", "contrasts.csv"):  # are written, never read
            continue
        good = path.read_bytes()
        altered = damaged(st.just(good))
        if kind == ".json":
            altered |= misshapen(json.loads(good)).map(as_json)
        elif kind == ".csv":
            altered |= _cells(list(csv.reader(io.StringIO(good.decode()))))
        elif kind == ".npz":
            with np.load(path) as stored:
                altered |= _arrays(dict(stored))
        choices.append(st.tuples(st.just(name), altered))
    return st.one_of(choices)


def _cells(rows: list[list[str]]) -> st.SearchStrategy[bytes]:
    place = st.integers(0, 1 << 20)
    numbers = st.sampled_from(("0", "1", "-1", "0.5", "1.01", "1e300", "-0.0", "3.5", "99999999999"))

    def put(edits: list[tuple[int, int, str]]) -> bytes:
        changed = [list(row) for row in rows]
        for row, column, word in edits:
            cells = changed[row % len(changed)]
            if column % 11 == 0:
                cells.append(word)
            else:
                cells[column % len(cells)] = word
        return _table(changed)

    return st.lists(st.tuples(place, place, words | numbers), min_size=1, max_size=4).map(put)


def _table(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def _arrays(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    odd = st.sampled_from(
        (
            np.array(1.5),
            np.array([]),
            np.zeros((3, 2)),
            np.full(OBJECTS, 255, np.uint8),
            np.array("x"),
            np.array(["a", "b"]),
            np.full((OBJECTS, 10), np.nan, np.float16),
            np.array([1 + 2j]),
            np.array([-1]),
            np.array([[0]]),
            np.array(True),
            np.array({"a": 1}, dtype=object),
            np.zeros((0, 10)),
            np.full((2, 3), np.inf),
            np.array("2031-01-01", "datetime64[D]"),
        )
    )

    def put(name: str, value: Any, drop: bool, other: str) -> bytes:
        changed = dict(good)
        changed[name] = value
        if drop:
            changed.pop(other, None)
        packed = io.BytesIO()
        np.savez(packed, **changed)
        return packed.getvalue()

    def bent(name: str) -> st.SearchStrategy[Any]:
        """Generates the array transposed, reshaped, shortened, of another type or out of range."""
        array = good[name]
        forms = [array.T, array[None], array.reshape(-1)[:1], array[:0] if array.ndim else array]
        if array.dtype.kind in "iuf":
            forms += [array.astype(np.float64) * -3, array.astype(np.float64) + 300, array.astype("U8")]
        return st.sampled_from(forms)

    names = st.sampled_from(sorted(good))
    return names.flatmap(lambda name: st.builds(put, st.just(name), odd | bent(name), st.booleans(), names))
