"""Parsers of idx and CSV read the real sample and refuse everything else with a DataError."""

from __future__ import annotations

import gzip
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.data import LabelledImages, Part
from study.data.idx import read_csv, read_idx
from study.datasets import FASHION_MNIST
from study.errors import DataError

COUNT = 3
LABELS = struct.pack(">2I", 2049, COUNT) + bytes([9, 0, 4])
HEADER = b"label," + b",".join(b"pixel%d" % n for n in range(1, 785)) + b"\n"
ROW = b"1" + b",0" * 784 + b"\n"


def _csv(part: Part) -> bytes:
    rows = np.column_stack([part.labels, part.images.reshape(len(part.images), -1)])
    return HEADER + b"".join(b",".join(b"%d" % n for n in row) + b"\n" for row in rows)


def test_the_sample_is_the_beginning_of_the_set(sample: dict[str, Part], fashion: LabelledImages) -> None:
    assert np.array_equal(sample["train"].images, fashion.train_images[:200].numpy())
    assert np.array_equal(sample["train"].labels, fashion.train_labels[:200].numpy())
    assert np.array_equal(sample["t10k"].images, fashion.test_images[:100].numpy())
    assert np.array_equal(sample["t10k"].labels, fashion.test_labels[:100].numpy())


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_csv_gives_what_idx_gives(sample: dict[str, Part], end: bytes) -> None:
    part = sample["t10k"]
    images, labels = read_csv(io.BytesIO(_csv(part).replace(b"\n", end)), "file", 100, FASHION_MNIST)
    assert np.array_equal(images, part.images) and np.array_equal(labels, part.labels)


def test_gzip_is_known_by_its_content() -> None:
    for content in (LABELS, gzip.compress(LABELS)):
        assert read_idx(io.BytesIO(content), "file", COUNT, 1, FASHION_MNIST).tolist() == [9, 0, 4]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(LABELS, mtime=0)[:-9], "too early"),
        (gzip.compress(LABELS, mtime=0) + b"more", "after the end"),
        (gzip.compress(LABELS[:-1] + b"\xff", mtime=0), "label is 255"),
        (LABELS[:-1] + b"\x0a", "label is 10"),
        (gzip.compress(LABELS, mtime=0)[:-8] + bytes(8), "damaged"),
        (b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * 60_000, "damaged"),
    ],
)
def test_damaged_labels_are_refused(content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=f"^file: .*{says}"):
        read_idx(io.BytesIO(content), "file", COUNT, 1, FASHION_MNIST)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "first line"),
        (HEADER, "0 rows, expected 3"),
        (HEADER + ROW * 2, "2 rows, expected 3"),
        (HEADER + ROW * 4, "more than 3 rows"),
        (HEADER + ROW * 2 + b"1,2\n", "columns changed"),
        (HEADER + b"1,2\n" * 3, "3×2"),
        (HEADER + ROW.replace(b"0", b"256", 1) * 3, "256"),
        (HEADER + ROW.replace(b"0", b"x", 1) * 3, "0…255"),
        (HEADER + ROW * 2 + b"10" + ROW[1:], "label is 10"),
        (HEADER + b"1," * 1_000_000, "longer than"),
        (b"label" * 1_000_000, "0…255|longer"),
    ],
)
def test_damaged_csv_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_csv(io.BytesIO(content), "file", COUNT, FASHION_MNIST)


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=60) | st.binary(max_size=60).map(gzip.compress))
def test_any_bytes_give_labels_or_a_data_error(content: bytes) -> None:
    try:
        labels = read_idx(io.BytesIO(content), "file", COUNT, 1, FASHION_MNIST)
    except DataError:
        return
    assert labels.shape == (COUNT,) and labels.max() <= 9


@settings(max_examples=150, deadline=None)
@given(where=st.integers(0, 10_000), bit=st.integers(0, 7), packed=st.booleans())
def test_a_flipped_bit_never_escapes_as_another_error(where: int, bit: int, packed: bool) -> None:
    content = bytearray(gzip.compress(LABELS, mtime=0) if packed else LABELS)
    content[where % len(content)] ^= 1 << bit
    try:
        labels = read_idx(io.BytesIO(bytes(content)), "file", COUNT, 1, FASHION_MNIST)
    except DataError:
        return
    assert labels.shape == (COUNT,) and labels.max() <= 9


@settings(max_examples=100, deadline=None)
@given(body=st.text("0123456789,.-\n e\x00é", max_size=200))
def test_any_table_gives_images_or_a_data_error(body: str) -> None:
    with pytest.raises(DataError):
        read_csv(io.BytesIO(b"label\n" + body.encode()), "file", COUNT, FASHION_MNIST)
