"""Finds pictures that are nearly equal: recompressed, resized, brighter or darker copies.

A difference hash of 64 bits (Krawetz, "Kind of Like That", 2013) says for 8 × 8 places of a picture whether
it becomes brighter to the right. Pairs whose hashes differ in few bits are compared by the correlation of
16 × 16 grey pixels, because pictures of one kind, such as trousers on black, have like hashes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from study.data.picture import Bytes, fitted_size

#: Bits in which the hashes of a pair may differ. Of four bands of bits at least one is then equal, so that
#: only pictures with an equal band need be compared.
MOST_BITS = 3
_BANDS = MOST_BITS + 1
#: Correlation from which on a pair counts as nearly equal; docs/data-look.md says what was measured.
ALIKE = 0.998
#: Levels of grey by which a place must be brighter than the one at its left; less is noise of a codec.
_MARGIN = 2.0
#: Length of the 256 pixels below which a picture has one shade: a standard deviation of one level.
_FLAT = 16.0
#: Comparisons up to which is looked for pairs, some seconds for each 10^9; and pairs that are kept.
MOST_COMPARED, MOST_FOUND = 4_000_000_000, 1_000_000
#: Weights of red, green and blue in a grey copy (ITU-R BT.601).
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_HASH_SIDE, _SIDE, _CHUNK, _BLOCK = 8, 16, 4_096, 1_024

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def signatures(images: Bytes, sizes: Indices) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Returns what pictures are compared by; the black at the sides of a fitted picture does not count.

    Args:
        images: uint8 [N, S, S, C], see `study.data.picture.fit`.
        sizes: int64 [N, 2], widths and heights as stored.

    Returns:
        The difference hashes, bool [N, 64], and grey pixels with mean 0 and length 1, float32 [N, 256],
        which are 0 in a picture of one shade.
    """
    count, side = images.shape[:2]
    bits = np.empty((count, _HASH_SIDE * _HASH_SIDE), np.bool_)
    pixels = np.empty((count, _SIDE * _SIDE), np.float32)
    known, which = np.unique(sizes, axis=0, return_inverse=True)
    scaled = np.array([fitted_size(int(width), int(height), side) for width, height in known])
    boxes, which = np.unique(scaled[which.ravel()], axis=0, return_inverse=True)
    for number, (width, height) in enumerate(boxes.tolist()):
        left, top = (side - width) // 2, (side - height) // 2
        rows = np.flatnonzero(which.ravel() == number)
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            box = images[chunk, top : top + height, left : left + width]
            grey = box[..., 0].astype(np.float32) if box.shape[3] == 1 else box @ _GREY
            bits[chunk], pixels[chunk] = _signed(grey)
    return bits, pixels


def _signed(grey: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Returns hashes and pixels of grey pictures of one size [N, H, W]."""
    count, height, width = grey.shape
    coarse = _averaging(height, _HASH_SIDE) @ grey @ _averaging(width, _HASH_SIDE + 1).T
    bits = (coarse[:, :, 1:] - coarse[:, :, :-1] > _MARGIN).reshape(count, -1)
    flat = (_averaging(height, _SIDE) @ grey @ _averaging(width, _SIDE).T).reshape(count, -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    pixels: Floats = np.where(length > _FLAT, flat / np.maximum(length, _FLAT), 0).astype(np.float32)
    return bits, pixels


@lru_cache(maxsize=256)
def _averaging(side: int, to: int) -> Floats:
    """Returns the matrix [to, side] that averages `side` pixels over `to` places of equal width."""
    edges = np.linspace(0, side, to + 1)
    starts = np.arange(side)
    low = np.maximum(edges[:-1, None], starts[None])
    high = np.minimum(edges[1:, None], starts[None] + 1)
    weights: Floats = (np.clip(high - low, 0, None) * (to / side)).astype(np.float32)
    return weights


def near_pairs(bits: npt.NDArray[np.bool_], pixels: Floats) -> tuple[Indices, bool] | None:
    """Returns the pairs of pictures that are nearly equal.

    Args:
        bits: see `signatures`.
        pixels: see `signatures`.

    Returns:
        Indices int64 [P, 2], the lower one first, ascending; and whether these are all pairs. None if too
        many pictures have an equal band to compare them all.
    """
    signs = np.where(bits, np.float32(1), np.float32(-1))
    bands = [_runs(keys) for keys in _keys(bits)]
    if sum(len(run) * (len(run) - 1) // 2 for band in bands for run in band) > MOST_COMPARED:
        return None
    found: list[Indices] = []
    total, complete = 0, True
    for band in bands:
        for run in band:
            for pairs in _within(run, signs, pixels):
                found.append(pairs)
                total += len(pairs)
            if total > MOST_FOUND:
                complete = False
                break
    if not found:
        return np.empty((0, 2), np.int64), complete
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0), complete


def _keys(bits: npt.NDArray[np.bool_]) -> Iterator[Indices]:
    """Yields each band of bits as numbers [N]; spread over the picture because margins may be empty."""
    row, column = np.divmod(np.arange(bits.shape[1]), _HASH_SIDE)
    for band in range(_BANDS):
        chosen = bits[:, (row + column) % _BANDS == band]
        yield chosen.astype(np.int64) @ (1 << np.arange(chosen.shape[1]))


def _runs(keys: Indices) -> Sequence[Indices]:
    """Returns the indices of equal keys, for keys that occur more than once."""
    order = np.argsort(keys, kind="stable")
    edges = np.flatnonzero(np.diff(keys[order])) + 1
    return [run for run in np.split(order, edges) if len(run) > 1]


def _within(run: Indices, signs: Floats, pixels: Floats) -> Iterator[Indices]:
    """Yields the pairs of nearly equal pictures among those of a run, in blocks."""
    least = signs.shape[1] - 2 * MOST_BITS
    for first in range(0, len(run), _BLOCK):
        ours = run[first : first + _BLOCK]
        for second in range(first, len(run), _BLOCK):
            theirs = run[second : second + _BLOCK]
            close = signs[ours] @ signs[theirs].T >= least
            if first == second:
                close = np.triu(close, 1)
            rows, columns = np.flatnonzero(close.any(1)), np.flatnonzero(close.any(0))
            if len(rows):
                alike = pixels[ours[rows]] @ pixels[theirs[columns]].T >= ALIKE
                one, other = np.nonzero(alike & close[np.ix_(rows, columns)])
                yield np.stack([ours[rows[one]], theirs[columns[other]]], axis=1)
