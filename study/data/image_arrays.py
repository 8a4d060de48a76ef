"""Makes a set of images of arrays of pixels and labels, which idx, CSV and .npz files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from study.data.class_names import named_classes
from study.data.image_set import (
    ImageSet,
    PartName,
    Problem,
    Rows,
    Trouble,
    counted_changes,
    image_parts,
    require_classes,
)
from study.data.picture import Bytes, picture_of

#: Labels without images that are listed.
_MOST_GAPS = 10

Labels = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The images of a part with their labels.

    Attributes:
        images: uint8 [N, H, W, C] with C = 1 or 3.
        labels: int64 or text [N].
    """

    images: Bytes
    labels: Labels


def set_of_arrays(
    parts: Mapping[PartName, Labelled],
    *,
    title: str,
    form: str,
    names: Mapping[str, str] | None,
    problems: Sequence[Problem] = (),
) -> ImageSet:
    """Makes a set of arrays; its classes are the labels that occur, in ascending order.

    Args:
        parts: at least one part with at least one image.
        title: of the set.
        form: of the set, see `ImageSet`.
        names: of the classes by label as text; None if nobody gave them names.
        problems: found while reading.

    Raises:
        DataError: there are too few or too many classes.
    """
    whole = all(part.labels.dtype.kind in "iu" for part in parts.values())
    columns = {name: part.labels.astype(np.int64 if whole else str) for name, part in parts.items()}
    values = np.unique(np.concatenate(list(columns.values())))
    require_classes(len(values), title)
    rows = {}
    for name, part in parts.items():
        rows[name] = Rows(
            pictures=[picture_of(image) for image in part.images],
            labels=np.searchsorted(values, columns[name]).tolist(),
            names=[f"{name.value}[{place}]" for place in range(len(part.images))],
        )
    keys = [str(value) for value in values.tolist()]
    return ImageSet(
        title=title,
        form=form,
        classes=named_classes(keys, names or {}),
        named=not whole or names is not None,
        parts=image_parts(rows),
        problems=(*problems, *(_gaps(values.tolist(), title) if whole else ())),
        changes=counted_changes(picture for part in rows.values() for picture in part.pictures),
    )


def _gaps(values: Sequence[int], title: str) -> Sequence[Problem]:
    """Returns a problem if labels between the lowest and the highest one do not occur."""
    count = values[-1] - values[0] + 1 - len(values)
    if not count:
        return ()
    known = set(values)
    first: list[str] = []
    for value in range(values[0], values[-1]):
        if value not in known:
            first.append(str(value))
            if len(first) == _MOST_GAPS:
                break
    listed = ", ".join(first) + (" …" if count > len(first) else "")
    return [Problem(kind=Trouble.NAMES, place=title, detail=f"no image has the label {listed}")]
