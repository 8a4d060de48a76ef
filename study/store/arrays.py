"""Declares the arrays that the .npz files of results/ hold, and checks arrays that were read."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from study.field_types import Misshapen
from study.matrix import arms
from study.networks import NETWORKS

_LONGEST_SIDE = 1_000_000
_LEAST_PIXELS = 2
#: Kind and sizes of an array. Kinds: c is a class of the data set, n an integer ≥ 0, s a share in [0, 1],
#: f a finite number, m a finite number or NaN, t text, a the name of an arm. Sizes have one item per
#: dimension: a number is exact, `*` is any size, `C` is the number of classes, and another letter is a size
#: of at least 1 that is the same wherever the letter occurs in the file. The letters h, w, p and q are
#: sides of images, of at least 2 pixels.
Form = tuple[str, str]
#: The forms by pattern of the file name (without ending) and by pattern of the array name.
FORMS: dict[str, dict[str, Form]] = {
    "predictions": {
        "labels": ("c", "i"),
        "index": ("n", "i"),
        "*.class": ("c", "*"),
        "*.probabilities": ("s", "* C"),
    },
    "dataset": {
        "examples": ("f", "C e h w"),
        "class_counts": ("n", "3 C"),
        "augmented": ("f", "r k p q"),
        "fractals": ("f", "n y x"),
    },
    "object": {
        "image": ("f", "h w"),
        "index": ("n", ""),
        "label": ("c", ""),
        "run_ids": ("t", "r"),
        "probabilities": ("s", "r C"),
    },
    "errors": {
        "images": ("f", "* h w"),
        "index": ("n", "*"),
        "label": ("c", "*"),
        "predicted": ("c", "*"),
        "confidence": ("s", "*"),
    },
    "filters-*": {name: ("f", "n h w") for name in ("before", "after", "scratch")},
    "gradcam-*": {
        "run_ids": ("t", "r"),
        "arms": ("a", "r"),
        "index": ("n", "o"),
        "images": ("f", "o h w"),
        "labels": ("c", "o"),
        "maps": ("s", "r o h w"),
        "probabilities": ("s", "r o C"),
        "layer": ("t", ""),
        "map_size": ("n", "2"),
        "sampled": ("n", ""),
        "area": ("f", ""),
        "inside": ("m", "r"),
        "empty": ("n", "r"),
    },
    "featuremap-*": {
        "index": ("n", "i"),
        "labels": ("c", "i"),
        "*.points": ("f", "i 2"),
        "*.explained": ("f", "2"),
        "*.neighbour": ("f", ""),
        "*.between": ("f", ""),
    },
    "drift": {"*.stages": ("t", "*"), "*.relative_change": ("m", "*"), "*.cka": ("m", "*")},
}
#: Patterns of the files whose arrays are drawn together, so that none of them may be missing.
WHOLE = ("object", "errors", "gradcam-*", "featuremap-*")
_ARMS = frozenset(arm.name for arm in arms(NETWORKS))


def check_arrays(name: str, arrays: dict[str, npt.NDArray[Any]], classes: int) -> None:
    """Checks the arrays of a file against its declared forms; arrays without a form are not checked.

    Args:
        name: name of the file without ending.
        arrays: the arrays of the file by name.
        classes: number of classes of the data set.

    Raises:
        Misshapen: an array has another kind, other sizes, or values out of range.
    """
    forms = next((forms for pattern, forms in FORMS.items() if fnmatchcase(name, pattern)), {})
    sizes = {"C": classes}
    for key, array in arrays.items():
        form = next((form for pattern, form in forms.items() if fnmatchcase(key, pattern)), None)
        if form is not None:
            _check_kind(key, array, form[0], classes)
            _check_sides(key, array, form[1].split(), sizes)
    if name == "drift":
        _check_stages(arrays)
    if name == "predictions":
        _check_prefixes(arrays)
    if name == "errors" and len({len(array) for array in arrays.values() if array.ndim}) > 1:
        raise Misshapen("its arrays differ in length")
    if name.startswith("gradcam-"):
        own = name.removeprefix("gradcam-")
        if any(not str(arm).startswith(f"{own}-") for arm in arrays.get("arms", ())):
            raise Misshapen("it names arms of another network")


def is_whole(name: str, arrays: dict[str, npt.NDArray[Any]]) -> bool:
    """Whether the file has all arrays that are drawn together.

    Args:
        name: name of the file without ending.
        arrays: the arrays of the file by name.
    """
    return all(
        key.replace("*", init) in arrays
        for pattern in WHOLE
        if fnmatchcase(name, pattern)
        for key in FORMS[pattern]
        for init in ("pretrained", "scratch")
    )


def _check_kind(key: str, array: npt.NDArray[Any], kind: str, classes: int) -> None:
    """Checks dtype and range of an array."""
    if kind in "ta":
        if array.dtype.kind != "U":
            raise Misshapen(f"{key} is not text")
        if kind == "a" and any(str(value) not in _ARMS for value in array.flat):
            raise Misshapen(f"{key} names what is no arm")
        return
    if array.dtype.kind not in ("iu" if kind in "cn" else "iuf"):
        raise Misshapen(f"{key} is of the type {array.dtype}")
    if not array.size:
        return
    if kind != "m" and not np.isfinite(array).all():
        raise Misshapen(f"{key} holds what is not a number")
    if kind == "m" and np.isinf(array).any():
        raise Misshapen(f"{key} is infinite")
    if kind in "cns" and array.min() < 0:
        raise Misshapen(f"{key} is negative")
    most = {"c": classes - 1, "s": 1.001}.get(kind)
    if most is not None and array.max() > most:
        raise Misshapen(f"{key} is above {most:g}")


def _check_sides(key: str, array: npt.NDArray[Any], sides: list[str], sizes: dict[str, int]) -> None:
    """Checks the shape of an array; `sizes` holds the sizes of letters and is extended."""
    if array.ndim != len(sides):
        raise Misshapen(f"{key} has {array.ndim} dimensions, expected {len(sides)}")
    for side, size in zip(sides, array.shape, strict=True):
        if side == "*":
            continue
        expected = int(side) if side.isdigit() else sizes.setdefault(side, size)
        least = _LEAST_PIXELS if side in "hwpq" else 1
        if size != expected or not least <= size <= _LONGEST_SIDE:
            raise Misshapen(f"{key} has the size {'×'.join(map(str, array.shape))}")


def _check_prefixes(arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Checks that no prediction has more items than there are labels; it covers the first images."""
    labels = arrays.get("labels")
    for key, array in arrays.items():
        if labels is not None and key.endswith((".class", ".probabilities")) and len(array) > len(labels):
            raise Misshapen(f"{key} has {len(array)} answers for {len(labels)} labels")


def _check_stages(arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Checks that all runs of a network have the same stages and one value for each."""
    seen: dict[str, list[str]] = {}
    for key, array in arrays.items():
        if not key.endswith(".stages"):
            continue
        run_id = key.removesuffix(".stages")
        model = run_id.partition("-")[0]
        if model not in NETWORKS:
            continue
        names = [str(value) for value in array]
        if names != seen.setdefault(model, names):
            raise Misshapen(f"runs of {model} differ in their stages")
        for quantity in ("relative_change", "cka"):
            values = arrays.get(f"{run_id}.{quantity}")
            if values is not None and len(values) != len(names):
                raise Misshapen(f"{run_id}.{quantity} has {len(values)} values for {len(names)} stages")
