"""Reading the idx, CSV and zip files in which FashionMNIST is handed around, trusting none of them."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from study.errors import DataError

Images = npt.NDArray[np.uint8]
PIXELS = 28 * 28
_MAGIC = {3: 2051, 1: 2049}
#: A CSV row is a label and 784 numbers of at most three digits, with commas.
_MOST_CSV_BYTES_PER_ROW = 4 + 4 * PIXELS + 2


def read_idx(stream: IO[bytes], name: str, count: int, dimensions: int) -> Images:
    """An idx array of exactly `count` items: images uint8 [count, 28, 28] or labels uint8 [count].

    Never reads more than one byte past the expected size, so a decompression bomb stays small.

    Raises:
        DataError: wrong magic, count or size, or a damaged compressed stream.
    """
    shape = (count, 28, 28)[:dimensions]
    expected = 4 + 4 * dimensions + int(np.prod(shape))
    try:
        content = stream.read(expected + 1)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{name}: damaged compressed file ({error})") from error
    if len(content) < 4 + 4 * dimensions:
        raise DataError(f"{name}: truncated, {len(content)} bytes")
    header = np.frombuffer(content, ">u4", 1 + dimensions)
    if header[0] != _MAGIC[dimensions]:
        raise DataError(f"{name}: not an idx file of this kind (magic {int(header[0])})")
    if tuple(int(size) for size in header[1:]) != shape:
        found = "×".join(str(int(size)) for size in header[1:])
        raise DataError(f"{name}: holds {found}, expected {'×'.join(map(str, shape))}")
    if len(content) != expected:
        raise DataError(f"{name}: {len(content)} bytes, expected {expected}")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()


def open_plain(path: Path) -> IO[bytes]:
    """The file, unpacked on the fly where it ends with .gz."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def read_csv(stream: IO[bytes], name: str, count: int) -> tuple[Images, Images]:
    """Kaggle's CSV (``label,pixel1,…,pixel784`` and one row an image) as images and labels.

    Raises:
        DataError: not a table of `count` rows of 785 whole numbers in 0…255.
    """
    limit = (count + 1) * _MOST_CSV_BYTES_PER_ROW * 2
    try:
        content = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{name}: damaged file ({error})") from error
    if len(content) > limit:
        raise DataError(f"{name}: larger than {count} rows can be")
    body = content.partition(b"\n")[2]
    try:
        import pandas as pd

        table = pd.read_csv(io.BytesIO(body), header=None, dtype=np.uint8).to_numpy()
    except (ValueError, OverflowError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: not a table of numbers in 0…255") from error
    if table.shape != (count, PIXELS + 1):
        raise DataError(f"{name}: {table.shape[0]}×{table.shape[1]}, expected {count}×{PIXELS + 1}")
    return table[:, 1:].reshape(count, 28, 28).copy(), table[:, 0].copy()
