"""Damaged ledgers and results: one line and exit code 2, or a named file that is left out."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.hostile.ledger import write_ledger
from benchmarks.hostile.results import small_results
from study.analysis import analyse
from study.cli import main
from study.errors import StoreError
from study.report.data.report_data import ReportData
from study.store.ledger import Ledger


def _sql(query: str, *values: object) -> Callable[[Path], None]:
    def alter(path: Path) -> None:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute(query, values)
        database.close()

    return alter


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def _foreign(path: Path) -> None:
    path.unlink()
    _sql("CREATE TABLE accounts (name TEXT)")(path)


def _patched(**changes: object) -> Callable[[Path], None]:
    """The record of the one run with other values."""

    def alter(path: Path) -> None:
        database = sqlite3.connect(path, isolation_level=None)
        (text,) = database.execute("SELECT record FROM runs").fetchone()
        database.execute("UPDATE runs SET record=?", (json.dumps(json.loads(text) | changes),))
        database.close()

    return alter


#: What was done to a ledger, and what is said of it.
LEDGERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "not sqlite": (lambda path: path.write_bytes(b"not a database" * 100), "cannot use"),
    "truncated": (_truncate, "ledger.sqlite"),
    "another program's": (_foreign, "another program's table 'accounts'"),
    "other columns": (_sql("ALTER TABLE runs RENAME COLUMN record TO other"), "no such column"),
    "not JSON": (_sql("UPDATE runs SET record='{'"), "is damaged: run vgg11-"),
    "not a record": (_sql("UPDATE runs SET record='[1]'"), "is damaged: run vgg11-"),
    "bytes": (_sql("UPDATE runs SET record=?", b"\xff\xfe"), "is damaged: run vgg11-"),
    "missing key": (_sql("UPDATE runs SET record='{}'"), "missing required field `spec`"),
    "unknown key": (_patched(colour="red"), "has 'colour', which is unknown"),
    "unknown state": (_patched(state="won"), "'won'"),
    "wrong type": (_patched(test_accuracy="high"), "got `str` - at `test_accuracy`"),
    "too large": (_patched(samples_seen=10**30), "samples_seen is too large"),
    "too large for a float": (_patched(train_seconds=10**30), "train_seconds is too large"),
    "half a character": (_patched(reason="\ud800"), "reason holds half a character"),
    "a point": (_patched(history=[{"colour": "red"}]), "at `history[0]`"),
    "spec": (_patched(spec=None), "got `null` - at `spec`"),
    "fact": (_sql("UPDATE facts SET value='[]' WHERE name='plan'"), "got `array` - at `plan`"),
    "time": (
        _sql("UPDATE facts SET value='true' WHERE name='used_seconds'"),
        "got `bool` - at `used_seconds`",
    ),
}


@pytest.mark.parametrize("verb", ["status", "run"])
@pytest.mark.parametrize("kind", LEDGERS)
def test_a_damaged_ledger_is_one_line(
    kind: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alter, says = LEDGERS[kind]
    write_ledger(tmp_path / "ledger.sqlite")
    _sql("DELETE FROM facts WHERE name='fingerprint'")(tmp_path / "ledger.sqlite")
    alter(tmp_path / "ledger.sqlite")
    before = (tmp_path / "ledger.sqlite").read_bytes()
    report = ["--report-dir", str(tmp_path / "o")] if verb == "run" else []
    assert main([verb, "--results-dir", str(tmp_path), *report]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1 and says in told
    if kind in ("not sqlite", "another program's"):
        assert (tmp_path / "ledger.sqlite").read_bytes() == before, "what is not ours is not written to"


def test_a_database_with_a_trigger_of_its_own_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    write_ledger(path)
    _sql("CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM facts; END")(path)
    with pytest.raises(StoreError, match="trigger"):
        Ledger(path)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = small_results(tmp_path_factory.mktemp("results") / "r")
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def results(good: dict[str, bytes], tmp_path: Path) -> Path:
    for name, content in good.items():
        path = tmp_path / "r" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "r"


def _replace(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old.encode(), new.encode(), 1)


#: File, what was done to it, what is said of it.
FILES: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
    ("results.csv", lambda content: b"", "names no run_id"),
    ("results.csv", lambda content: b"\xff\xfe" + content, "cannot be read"),
    ("results.csv", lambda content: content + b'"', "cannot be read as a table"),
    ("results.csv", lambda content: content + b"a,b\n", "2 cells, expected"),
    ("results.csv", _replace("googlenet,", "resnet,"), "model is 'resnet'"),
    ("results.csv", _replace(",frozen,none,", ",frozen,uniform,"), "does not exist"),
    ("results.csv", _replace(",finished,", ",won,"), "state is 'won'"),
    ("results.csv", _replace(",finished,", ",finished,high"), "train_images is 'high"),
    ("trials.csv", _replace(",finished,", ",finished,-"), "not between 0 and"),
    ("history.csv", _replace("run_id", "run"), "names no run_id"),
    ("plan.json", lambda content: b"[]", "must hold a JSON object"),
    ("plan.json", lambda content: b"{" * 100_000, "not valid JSON"),
    ("plan.json", _replace('"phases": [', '"phases": ["x", '), "got `str` - at `plan.phases[0]`"),
    ("environment.json", lambda content: b'{"seed": "x"}', "got `str` - at `environment.seed`"),
    ("pretraining.json", _replace('"googlenet"', '"resnet"'), "resnet18)$' - at `key` in `pretraining`"),
    ("pretraining.json", lambda content: b'{"vgg11": null}', "got `null` - at `pretraining[...]`"),
    ("environment.json", lambda content: b'{"weights": {"vgg11": null}}', "at `environment.weights[...]`"),
    ("architecture.json", lambda content: content[: len(content) // 2], "not valid JSON"),
    (
        "witness.json",
        lambda content: b'{"pairs": [{}]}',
        "missing required field `pretrained` - at `witness.pairs[0]`",
    ),
    ("predictions.npz", lambda content: content[: len(content) // 2], "cannot be read as arrays"),
)


@pytest.mark.parametrize(("name", "damage", "says"), FILES)
def test_a_damaged_file_is_one_line(
    name: str,
    damage: Callable[[bytes], bytes],
    says: str,
    results: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = results / name
    path.write_bytes(damage(path.read_bytes()))
    assert main(["report", "--results-dir", str(results), "--report-dir", str(results / "o")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {name}") and told.count("\n") == 1 and says in told
    assert not (results / "o").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("labels", np.full(40, 255, np.uint8)),
        ("labels", np.zeros(39, np.uint8)),
        ("x.probabilities", np.full((40, 10), np.nan, np.float16)),
        ("x.class", np.zeros((40, 2), np.uint8)),
        ("x.class", np.array([{"a": 1}], dtype=object)),
    ],
)
def test_predictions_of_another_shape_are_one_line(
    key: str, value: np.ndarray, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results / "predictions.npz"
    with np.load(path) as stored:
        arrays = {**dict(stored), key: value}
    np.savez(path, **arrays)
    assert main(["report", "--results-dir", str(results), "--report-dir", str(results / "o")]) == 2
    assert capsys.readouterr().err.startswith("error: predictions.npz")


def test_arrays_that_unpack_to_gigabytes_are_refused_unread(results: Path) -> None:
    np.savez_compressed(results / "predictions.npz", labels=np.zeros((1 << 30) + 1, np.uint8))
    with pytest.raises(StoreError, match="more than 1024 MB"):
        analyse(results)


def test_a_pipe_in_place_of_a_file_does_not_hold_the_report(results: Path) -> None:
    for name in ("history.csv", "plan.json", "predictions.npz"):
        (results / name).unlink()
        os.mkfifo(results / name)
        with pytest.raises(StoreError, match=f"{name} is not a regular file"):
            analyse(results)
        (results / name).unlink()


def test_pictures_of_another_shape_are_left_out_by_name(results: Path) -> None:
    for name, arrays in {
        "object": {"image": np.zeros((28, 28)), "label": np.array(77)},
        "errors": {"images": np.zeros((3, 28, 28)), "index": np.arange(2)},
        "filters-googlenet": {"before": np.zeros(5)},
        "drift": {"googlenet-x.stages": np.array(["a", "b"]), "googlenet-x.cka": np.zeros(3)},
    }.items():
        np.savez(results / "artifacts" / f"{name}.npz", **arrays)
    data = ReportData.of(analyse(results))
    assert set(data.artifacts.damaged) == {
        "object.npz",
        "errors.npz",
        "filters-googlenet.npz",
        "drift.npz",
    }
    assert not data.tables.drift and not data.tables.artifacts.get("object")
