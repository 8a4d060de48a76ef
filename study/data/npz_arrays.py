"""Reads .npz files with images and labels, as Keras, MedMNIST and Kuzushiji-49 have them."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from study.data.image_arrays import Labelled, Labels, set_of_arrays
from study.data.image_set import PART_NAMES, ImageSet, PartName, Problem, Trouble, require_memory
from study.data.picture import Bytes
from study.errors import DataError

#: Words of an array's name that say what it holds, in lower case.
_IMAGES = frozenset({"x", "images", "image", "imgs", "img", "data", "pixels"})
_LABELS = frozenset({"y", "labels", "label", "targets", "target", "classes"})

_Array = npt.NDArray[Any]
_Kind = tuple[PartName, str]


def read_npz(paths: Sequence[Path], *, title: str, names: Mapping[str, str] | None) -> ImageSet:
    """Reads arrays that are called ``x_train``, ``train_images``, ``y_test``, ``val_labels`` and the like.

    A file with one array without a name is called by the name of the file. Nothing is unpickled.

    Args:
        paths: the files, which together are one set.
        title: of the set.
        names: of the classes by label; None if nobody gave them.

    Raises:
        DataError: a file is damaged, arrays are missing, have other shapes or values, or are said twice.
    """
    arrays: dict[_Kind, tuple[str, _Array]] = {}
    problems = []
    for path in paths:
        for key, array in _arrays(path).items():
            kind = _kind(path.stem if key == "arr_0" else key)
            if kind is None:
                problems.append(Problem(kind=Trouble.FOREIGN, place=f"{path.name}:{key}"))
            elif kind in arrays:
                raise DataError(
                    f"{path.name}: {key} is a second array of {kind[1]} of {kind[0].value}; give one file"
                )
            else:
                arrays[kind] = (key, array)
    parts: dict[PartName, Labelled] = {}
    for name in PartName:
        pixels, labels = (arrays.get((name, what)) for what in ("images", "labels"))
        if pixels is not None and labels is None:
            problems.append(Problem(kind=Trouble.UNLABELLED, place=pixels[0]))
        elif pixels is None and labels is not None:
            raise DataError(f"{title}: {labels[0]} has no array of images")
        elif pixels is not None and labels is not None and pixels[1].size:
            parts[name] = _labelled(*pixels, *labels)
    if not parts:
        raise DataError(f"{title}: no images with labels, such as x_train and y_train, or train_images")
    if PartName.ALL in parts and len(parts) > 1:
        raise DataError(f"{title}: some arrays are of train or test, others of neither")
    return set_of_arrays(parts, title=title, form=".npz arrays", names=names, problems=problems)


def _kind(name: str) -> _Kind | None:
    """Returns the part and what an array holds of it, by the words of its name."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    part = next((PART_NAMES[word] for word in words if word in PART_NAMES), PartName.ALL)
    if _IMAGES & set(words):
        return part, "images"
    return (part, "labels") if _LABELS & set(words) else None


def _arrays(path: Path) -> dict[str, _Array]:
    """Reads a file after its headers have told how much memory it takes."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = 0
            for info in archive.infolist():
                # zipfile decompresses bzip2 and LZMA in blocks of any size.
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise DataError(
                        f"{path.name}: {info.filename} is compressed neither by deflate nor not"
                    )
                with archive.open(info) as stream:
                    size += _declared(stream, f"{path.name}:{info.filename}")
        require_memory(3 * size, f"{path.name}: arrays of {size / 1e9:,.2f} GB")
        with np.load(path, allow_pickle=False) as stored:
            return {key: np.asarray(stored[key]) for key in stored.files}
    except (DataError, MemoryError):
        raise
    except Exception as error:  # numpy and zipfile raise a dozen types of errors for a damaged file
        raise DataError(f"{path.name} cannot be read as arrays: {str(error)[:200]}") from error


def _declared(stream: IO[bytes], name: str) -> int:
    """Returns the bytes of the array that a member of the archive declares."""
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise DataError(f"{name}: a form of arrays that is not read")
    shape, _, dtype = readers[version](stream)
    if dtype.hasobject:
        raise DataError(f"{name}: holds Python objects, which are not read because they may run programs")
    return math.prod(shape) * int(dtype.itemsize)


def _labelled(images_name: str, images: _Array, labels_name: str, labels: _Array) -> Labelled:
    found = Labelled(images=_images(images, images_name), labels=_labels(labels, labels_name))
    if len(found.images) != len(found.labels):
        raise DataError(
            f"{images_name}: {len(images):,} images, but {len(labels):,} labels in {labels_name}"
        )
    return found


def _images(array: _Array, name: str) -> Bytes:
    """Returns images as uint8 [N, H, W, 1 or 3] from the orders of axes that people use."""
    side = math.isqrt(math.prod(array.shape[1:2]))
    if array.ndim == 2 and side * side == array.shape[1]:
        array = array.reshape(-1, side, side)
    if array.ndim == 3:
        array = array[:, :, :, None]
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim != 4 or array.shape[3] not in (1, 3) or 0 in array.shape:
        found = "×".join(map(str, array.shape))
        raise DataError(f"{name}: {found}, expected images × height × width, grey or of 3 channels")
    return np.ascontiguousarray(_eight_bits(array, name))


def _eight_bits(array: _Array, name: str) -> Bytes:
    """Returns values in 0…255; those of floats are a share of 255 if all are in [0, 1]."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise DataError(f"{name}: values of the type {array.dtype}, expected numbers")
    low, high = float(array.min()), float(array.max())
    if not 0 <= low <= high <= 255:
        raise DataError(f"{name}: values in {low:g}…{high:g}, expected 0…255 or 0…1")
    scale = 255 if array.dtype.kind == "f" and high <= 1 else 1
    values: Bytes = (array * scale).round().astype(np.uint8)
    return values


def _labels(array: _Array, name: str) -> Labels:
    """Returns labels as int64 or text [N], also from a column or from rows with a single one."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "biuf":
        if not (((array == 0) | (array == 1)).all() and (array.sum(1) == 1).all()):
            raise DataError(f"{name}: several labels an image, or none; each image must have one")
        array = array.argmax(1)
    if array.ndim != 1 or array.dtype.kind not in "biufU":
        raise DataError(
            f"{name}: {'×'.join(map(str, array.shape))} of {array.dtype}, expected a label an image"
        )
    if array.dtype.kind == "U":
        return array
    with np.errstate(invalid="ignore"):  # not a number
        whole = array.astype(np.int64)
    if (whole != array).any():
        raise DataError(f"{name}: labels that are no whole numbers")
    return whole
