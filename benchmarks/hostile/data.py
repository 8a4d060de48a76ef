"""Damages data files: idx, gzip, CSV and zip archives, of three images each."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

from hypothesis import strategies as st

from benchmarks.hostile.mutation import damaged
from benchmarks.hostile.target import Target
from study.data.idx import read_csv, read_idx
from study.data.readers import read_folder
from study.datasets import FASHION_MNIST

COUNT = 3
LABELS = struct.pack(">2I", 2049, COUNT) + bytes([9, 0, 4])
IMAGES = struct.pack(">4I", 2051, COUNT, 28, 28) + bytes(range(256)) * 9 + bytes(48)
TABLE = b"label," + b",".join(b"pixel%d" % n for n in range(1, 785)) + b"\n"
TABLE += b"".join(b"%d" % n + b",7" * 784 + b"\n" for n in range(COUNT))


def _zip(compression: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for part in ("train", "t10k"):
            archive.writestr(f"{part}-images-idx3-ubyte", IMAGES)
            archive.writestr(f"{part}-labels-idx1-ubyte", LABELS)
    return packed.getvalue()


def target(folder: Path) -> Target:
    archive = folder / "archive.zip"

    def attempt(case: tuple[str, bytes]) -> None:
        kind, content = case
        stream = io.BytesIO(content)
        if kind == "labels":
            labels = read_idx(stream, "file", COUNT, 1, FASHION_MNIST)
            assert labels.shape == (COUNT,) and labels.max() <= 9
        elif kind == "images":
            assert read_idx(stream, "file", COUNT, 3, FASHION_MNIST).shape == (COUNT, 28, 28)
        elif kind == "table":
            images, labels = read_csv(stream, "file", COUNT, FASHION_MNIST)
            assert images.shape == (COUNT, 28, 28) and labels.max() <= 9
        else:
            archive.write_bytes(content)
            assert read_folder(folder, FASHION_MNIST) is None

    def packed(good: bytes) -> st.SearchStrategy[bytes]:
        plain, small = st.just(good), st.just(gzip.compress(good, mtime=0))
        return (
            damaged(plain)
            | damaged(small)
            | st.binary(max_size=80)
            | (damaged(plain) | st.binary(max_size=80)).map(gzip.compress)
        )

    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
    archives = st.sampled_from([_zip(kind) for kind in kinds])
    texts = st.text("0123456789,.-\n e\x00é").map(str.encode)
    return Target(
        name="data files (idx, gzip, CSV, zip)",
        cases=st.tuples(st.just("labels"), packed(LABELS))
        | st.tuples(st.just("images"), packed(IMAGES))
        | st.tuples(st.just("table"), damaged(st.just(TABLE)) | texts)
        | st.tuples(st.just("zip"), damaged(archives)),
        attempt=attempt,
    )
