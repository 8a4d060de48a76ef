"""Data files of every bad kind: one line that names the file, little memory, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hostile.bad_data import KINDS, make_folder, refused
from study.data import load
from study.datasets import FASHION_MNIST
from study.errors import DataError

SAYS = {
    "empty": "truncated, 0 bytes",
    "truncated": "damaged file",
    "wrong magic": "magic 2050",
    "huge dimensions": "holds 2147483647, expected 60000",
    "count mismatch": "60007 bytes, expected 60008",
    "label 255": "a label is 255",
    "gzip bomb": "more bytes, expected 60008",
    "bit flip": "not FashionMNIST as published",
    "directory": "not a regular file",
    "named pipe": "not a regular file",
    "loop of links": "symbolic links",
}
MEGABYTES = 1_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_bad_kind_names_its_file(kind: str, tmp_path: Path) -> None:
    folder = make_folder(kind, tmp_path / "data")
    with pytest.raises(DataError, match=SAYS[kind]) as told:
        load(FASHION_MNIST, folder, offline=True)
    assert str(folder / "train-") in str(told.value)


@pytest.mark.parametrize("kind", ["gzip bomb", "named pipe"])
def test_the_command_says_one_line_and_exits_with_2(kind: str, tmp_path: Path) -> None:
    told = refused(kind, tmp_path)
    assert told.code == 2
    assert told.errors.startswith("error: ") and told.errors.count("\n") == 1
    assert SAYS[kind] in told.errors
    assert told.peak_mb < MEGABYTES
