"""Reads untrusted idx and CSV files of a data set of the MNIST family."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
import numpy.typing as npt

from study.datasets import DatasetDescriptor
from study.errors import DataError

Images = npt.NDArray[np.uint8]
_MAGIC = {4: 2052, 3: 2051, 1: 2049}
_GZIP = b"\x1f\x8b"
#: Bytes by which a gzip file may exceed its content: random bytes grow only by the headers.
_GZIP_EXTRA = 64 * 1024
#: Errors that reading a damaged zip member, disk or stream raises.
UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)


def read_idx(stream: IO[bytes], name: str, count: int, dimensions: int, data: DatasetDescriptor) -> Images:
    """Reads an idx array of exactly `count` items.

    The first bytes tell whether the stream is compressed by gzip; the name of the file does not. Neither
    the compressed nor the uncompressed stream is read beyond the expected size, so that a decompression
    bomb or a header that declares 2³¹ images needs little memory.

    Args:
        stream: the file.
        name: of the file, for error messages.
        count: expected number of images or labels.
        dimensions: 3 for images, in colour too, and 1 for labels.
        data: the data set, which knows the shape of the images and the number C of classes.

    Returns:
        Images, uint8 [count, side, side] or [count, side, side, 3], or labels, uint8 [count] in 0…C − 1.

    Raises:
        DataError: magic number, count or size are wrong, a label is above C − 1, or the stream is damaged.
    """
    if dimensions == 1:
        return _labels(read_shaped(stream, name, (count,)), name, data)
    return read_shaped(stream, name, (count, *data.shape))


def idx_shape(stream: IO[bytes], name: str, dimensions: int) -> tuple[int, ...]:
    """Reads the sizes that the header of an idx array declares, and goes back to the start of the stream.

    Args:
        stream: the file, which can be positioned.
        name: of the file, for error messages.
        dimensions: 3 for images, 1 for labels.

    Raises:
        DataError: the stream is damaged, or is no idx array of bytes with so many dimensions.
    """
    start = _header_bytes(dimensions)
    try:
        content = stream.read(_GZIP_EXTRA)
        if content[:2] == _GZIP:
            content = zlib.decompressobj(wbits=31).decompress(content, start)
        stream.seek(0)
    except UNREADABLE as error:
        raise DataError(f"{name}: damaged file ({error})") from error
    return _declared_shape(content, name, dimensions)


def read_shaped(stream: IO[bytes], name: str, shape: tuple[int, ...]) -> Images:
    """Reads an idx array of bytes that has exactly this shape; see `read_idx`.

    Args:
        stream: the file.
        name: of the file, for error messages.
        shape: of images, [count, height, width] or [count, height, width, 3], or of labels, [count].

    Raises:
        DataError: magic number or shape are wrong, or the stream is damaged.
    """
    dimensions = len(shape)
    start = _header_bytes(dimensions)
    expected = start + math.prod(shape)
    try:
        content = stream.read(expected + _GZIP_EXTRA)
        if content[:2] == _GZIP:
            content = _inflate(content, expected + 1)
    except UNREADABLE as error:
        raise DataError(f"{name}: damaged file ({error})") from error
    declared = _declared_shape(content, name, dimensions)
    if declared != shape:
        raise DataError(
            f"{name}: holds {'×'.join(map(str, declared))}, expected {'×'.join(map(str, shape))}"
        )
    if len(content) != expected:
        size = "more" if len(content) > expected else str(len(content))
        raise DataError(f"{name}: {size} bytes, expected {expected}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def idx_bytes(values: Images) -> bytes:
    """Returns the content of an idx file of bytes with these values; `read_shaped` reads it."""
    return np.array([_MAGIC[values.ndim], *values.shape], ">u4").tobytes() + values.tobytes()


def _header_bytes(dimensions: int) -> int:
    return 4 + 4 * dimensions


def _declared_shape(content: bytes, name: str, dimensions: int) -> tuple[int, ...]:
    if len(content) < _header_bytes(dimensions):
        raise DataError(f"{name}: truncated, {len(content)} bytes")
    header = np.frombuffer(content, ">u4", 1 + dimensions)
    if header[0] != _MAGIC[dimensions]:
        raise DataError(f"{name}: not an idx file of this kind (magic {int(header[0])})")
    return tuple(int(size) for size in header[1:])


def read_csv(stream: IO[bytes], name: str, count: int, data: DatasetDescriptor) -> tuple[Images, Images]:
    """Reads Kaggle's CSV: the header ``label,pixel1,pixel2,…`` and one row per image.

    The parser receives single rows of limited length. It would parse a whole file with one line of commas
    as millions of columns.

    Args:
        stream: the file.
        name: of the file, for error messages.
        count: expected number of images.
        data: the data set, which knows the side of the images and the number C of classes.

    Returns:
        Images, uint8 [count, side, side], and labels, uint8 [count] in 0…C − 1.

    Raises:
        DataError: the file is not a table of `count` rows with a label and the pixels as integers in 0…255,
            or a label is above C − 1.
    """
    numbers = data.pixels + 1
    try:
        header = stream.readline(10 * data.pixels)
        if not header.lstrip(b'\xef\xbb\xbf"').startswith(b"label"):
            raise DataError(f"{name}: the first line is not label,pixel1,…,pixel{data.pixels}")
        rows = _rows(stream, name, count, numbers)
        table = np.loadtxt(rows, np.uint8, delimiter=",", comments=None, ndmin=2)
    except UNREADABLE as error:
        raise DataError(f"{name}: damaged file ({error})") from error
    except ValueError as error:
        reason = str(error).partition(";")[0][:200]
        raise DataError(f"{name}: not a table of numbers in 0…255 ({reason})") from error
    if table.shape != (count, numbers):
        raise DataError(f"{name}: {table.shape[0]}×{table.shape[1]}, expected {count}×{numbers}")
    images = np.ascontiguousarray(table[:, 1:]).reshape(count, data.side, data.side)
    return images, _labels(table[:, 0].copy(), name, data)


def _rows(stream: IO[bytes], name: str, count: int, numbers: int) -> Iterator[bytes]:
    """Yields the rows; a row has `numbers` numbers of at most three digits, commas and a line end."""
    longest = 4 * numbers + 1
    for number in range(count):
        row = stream.readline(longest + 1)
        if len(row) > longest:
            raise DataError(f"{name}: row {number + 1} is longer than {numbers} numbers can be")
        if not row.strip():
            raise DataError(f"{name}: {number} rows, expected {count}")
        yield row
    if stream.read(longest).strip():
        raise DataError(f"{name}: more than {count} rows")


def _inflate(content: bytes, limit: int) -> bytes:
    """Returns at most `limit` bytes of a gzip member; verifies its checksum if it is not longer."""
    unpacker = zlib.decompressobj(wbits=31)
    plain = unpacker.decompress(content, limit)
    if len(plain) < limit and not unpacker.eof:
        raise EOFError("the compressed stream ends too early")
    if unpacker.unused_data:
        raise zlib.error("bytes after the end of the compressed stream")
    return plain


def _labels(values: Images, name: str, data: DatasetDescriptor) -> Images:
    highest = int(values.max(initial=0))
    if highest >= len(data.classes):
        raise DataError(f"{name}: a label is {highest}, labels are 0…{len(data.classes) - 1}")
    return values
