"""Reads CSV files with a label and the pixels of a square grey image in each row, as Kaggle has them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from study.data.idx import UNREADABLE
from study.data.image_arrays import Labelled, set_of_arrays
from study.data.image_set import PART_NAMES, ImageSet, PartName, Problem, Trouble, require_memory
from study.data.picture import Bytes
from study.errors import DataError

#: Sides of an image; a table of fewer columns is one of something else.
LEAST_SIDE, MOST_SIDE = 4, 256
#: Bytes of a header's cell and of a cell of a row at most; a label may be longer.
_HEAD_CELL, _CELL, _LABEL = 16, 6, 200
_LONGEST = MOST_SIDE * MOST_SIDE * _HEAD_CELL
#: Names of the column of labels, in lower case; without one it is the first column.
_LABELS = ("label", "labels", "class", "target", "y")
#: Rows that are parsed at once.
_ROWS = 2_048
_NUMBER = re.compile(rb"\s*\d+\s*")


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How the rows of a file are made up.

    Attributes:
        separator: between cells.
        header: whether the first line has names.
        label: place of the label in a row; None if the file has no labels.
        side: of the images.
    """

    separator: bytes
    header: bool
    label: int | None
    side: int


def read_pixel_csv(
    paths: Sequence[Path], *, title: str, names: Mapping[str, str] | None, problems: Sequence[Problem] = ()
) -> ImageSet:
    """Reads one file, or a file for each part; the part is a word of the file's name.

    A file without labels is left out and named.

    Args:
        paths: the files.
        title: of the set.
        names: of the classes by label; None if nobody gave them.
        problems: found before.

    Raises:
        DataError: a file is no table of labels and pixels, two files are one part, or none has labels.
    """
    parts: dict[PartName, Labelled] = {}
    noted = list(problems)
    for path in paths:
        part = part_of_name(path.stem) or PartName.ALL
        if part in parts:
            raise DataError(
                f"{title}: {path.name} is a second file of the part {part.value!r}; give one file"
            )
        try:
            with path.open("rb") as stream:
                found = _read(stream, path.name, path.stat().st_size)
        except UNREADABLE as error:
            raise DataError(f"{path.name}: damaged file ({error})") from error
        if found is None:
            noted.append(Problem(kind=Trouble.UNLABELLED, place=path.name))
        else:
            parts[part] = found
    if not parts:
        raise DataError(f"{title}: no column of labels ({', '.join(_LABELS)})")
    sides = {part.images.shape[1] for part in parts.values()}
    if len(sides) > 1:
        raise DataError(f"{title}: images of {' and '.join(f'{side}×{side}' for side in sorted(sides))}")
    if PartName.ALL in parts and len(parts) > 1:
        raise DataError(f"{title}: one file is train or test, another one neither; give one file")
    return set_of_arrays(parts, title=title, form="CSV of pixels", names=names, problems=noted)


def is_pixel_csv(path: Path) -> bool:
    """Whether the first line of a file is one of labels and pixels, or of pixels alone."""
    try:
        with path.open("rb") as stream:
            _layout(_first_line(stream), path.name)
    except (OSError, DataError):
        return False
    return True


def part_of_name(stem: str) -> PartName | None:
    """Returns the part that a word of a name says, as ``mnist_train`` does."""
    words = re.split(r"[^a-z0-9]+", stem.lower())
    return next((PART_NAMES[word] for word in words if word in PART_NAMES), None)


def _read(stream: IO[bytes], name: str, size: int) -> Labelled | None:
    first = _first_line(stream)
    if len(first) > _LONGEST:
        raise DataError(f"{name}: the first line is longer than {MOST_SIDE}×{MOST_SIDE} pixels can be")
    layout = _layout(first, name)
    if layout.label is None:
        return None
    pixels = layout.side * layout.side
    rows = itertools.chain(() if layout.header else (first,), _lines(stream, name, pixels))
    guess = size / (2 * pixels)  # a row has at least so many bytes
    require_memory(3 * guess * pixels, f"{name}: up to {guess:,.0f} images of {layout.side}×{layout.side}")
    labels: list[bytes] = []
    blocks: list[Bytes] = []
    while block := list(itertools.islice(rows, _ROWS)):
        labels_here, rests = zip(*(_split(row, layout) for row in block), strict=True)
        blocks.append(_parsed(rests, layout, name, len(labels)))
        labels.extend(labels_here)
    if not labels:
        raise DataError(f"{name}: no rows")
    images = np.concatenate(blocks).reshape(-1, layout.side, layout.side, 1)
    return Labelled(images=images, labels=_labels(labels, name))


def _first_line(stream: IO[bytes]) -> bytes:
    """Returns the first line without a byte order mark, or more than `_LONGEST` bytes of it."""
    return stream.readline(_LONGEST + 4).removeprefix(b"\xef\xbb\xbf")


def _layout(first: bytes, name: str) -> _Layout:
    separator = max((b",", b";", b"\t"), key=first.count)
    cells = [cell.strip().strip(b'"') for cell in first.split(separator)]
    # Without a header the first row has numbers only, but for a label that is a word.
    words = [cell.decode("utf-8", "replace").lower() for cell in cells]
    header = words[0] in _LABELS or not all(_NUMBER.fullmatch(cell) for cell in cells[1:])
    label = next((place for place, word in enumerate(words) if word in _LABELS), None) if header else 0
    side = math.isqrt(len(cells) - 1)
    whole = math.isqrt(len(cells))
    if label is None and whole >= LEAST_SIDE and whole * whole == len(cells):
        return _Layout(separator=separator, header=header, label=None, side=whole)
    if side < LEAST_SIDE or side * side != len(cells) - 1:
        raise DataError(
            f"{name}: {len(cells):,} columns, expected a label and the pixels of a square image"
        )
    return _Layout(separator=separator, header=header, label=label or 0, side=side)


def _lines(stream: IO[bytes], name: str, pixels: int) -> Iterator[bytes]:
    """Yields the rows; a blank line may stand at the end only."""
    longest = _LABEL + _CELL * pixels
    number = 0
    while row := stream.readline(longest + 1):
        number += 1
        if len(row) > longest:
            raise DataError(f"{name}: row {number} is longer than a label and {pixels:,} numbers can be")
        if not row.strip():
            if stream.read(longest).strip():
                raise DataError(f"{name}: row {number} is empty")
            return
        yield row


def _split(row: bytes, layout: _Layout) -> tuple[bytes, bytes]:
    """Returns the label of a row, and its other cells."""
    place = layout.label or 0
    if not place:
        label, _, rest = row.partition(layout.separator)
        return label, rest
    cells = row.split(layout.separator)
    return cells[place] if place < len(cells) else b"", layout.separator.join(
        cells[:place] + cells[place + 1 :]
    )


def _parsed(rows: Sequence[bytes], layout: _Layout, name: str, before: int) -> Bytes:
    try:
        table: npt.NDArray[np.uint8] = np.loadtxt(
            rows, np.uint8, delimiter=layout.separator.decode(), comments=None, ndmin=2
        )
    except ValueError as error:
        reason = str(error).partition(";")[0][:200]
        where = f"rows {before + 1:,}…{before + len(rows):,}"
        raise DataError(f"{name}, {where}: not pixels in 0…255 ({reason})") from error
    pixels = layout.side * layout.side
    if table.shape != (len(rows), pixels):
        raise DataError(f"{name}: rows of {table.shape[1]:,} pixels, expected {pixels:,}")
    return table


def _labels(cells: Sequence[bytes], name: str) -> npt.NDArray[np.int64] | npt.NDArray[np.str_]:
    try:
        words = [cell.strip().strip(b'"').decode("utf-8") for cell in cells]
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: a label is not UTF-8") from error
    lost = next((place for place, word in enumerate(words) if not word), None)
    if lost is not None:
        raise DataError(f"{name}, row {lost + 1:,}: no label")
    if all(word.isascii() and word.isdecimal() and len(word) < 10 for word in words):
        return np.array([int(word) for word in words], np.int64)
    return np.array(words)
