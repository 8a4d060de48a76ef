"""Writes what a look at a set of images has found as JSON and as a table of findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from study.data_look.classes import IMBALANCED
from study.data_look.duplicates import Twins
from study.data_look.look import DataLook
from study.errors import one_line

#: Columns of the table: a finding about a picture, and about another one where there are two.
COLUMNS = ("finding", "picture", "part", "class", "other", "other_part", "other_class", "detail")


def as_json(found: DataLook, *, most_listed: int | None = None) -> dict[str, Any]:
    """Returns the look as what JSON knows; docs/data-look.md says what the fields mean.

    Args:
        found: the look.
        most_listed: maximum length of the lists of equal pictures, of equal names and of problems.
    """
    images = found.images
    return {
        "title": one_line(images.title),
        "form": images.form,
        "classes": list(images.classes),
        "classes_named": images.named,
        "parts": {
            part.name.value: {
                "pictures": len(part.labels),
                "by_class": counts.tolist(),
                "sizes": sizes.different,
                "smallest": list(sizes.smallest),
                "median": list(sizes.median),
                "largest": list(sizes.largest),
                "grey": sizes.grey,
                "colour": sizes.colour,
            }
            for part, counts, sizes in zip(images.parts, found.counts, found.sizes, strict=True)
        },
        "equal": _twins(found.exact, most_listed),
        "nearly_equal": None if found.near is None else _twins(found.near, most_listed),
        "nearly_equal_complete": found.near_complete,
        "same_names": [[one_line(one), one_line(other)] for one, other in found.names[:most_listed]],
        "same_names_in_all": len(found.names),
        "imbalance": found.ratio,
        "imbalance_limit": IMBALANCED,
        "measures": ["accuracy"] if found.balanced else ["balanced accuracy", "macro F1"],
        "mirrored": found.mirrored,
        "mirrored_because": found.mirror_reason,
        "changed": dict(images.changes),
        "problems": [
            {"kind": each.kind.value, "place": one_line(each.place), "detail": one_line(each.detail)}
            for each in images.problems[:most_listed]
        ],
        "problems_in_all": len(images.problems),
        "warnings": list(found.warnings),
    }


def _twins(twins: Twins, most_listed: int | None) -> dict[str, Any]:
    return {
        "groups": twins.groups,
        "pictures": twins.pictures,
        "in_an_earlier_part": {part.value: number for part, number in twins.leaks.items()},
        "with_different_classes": twins.contradictions,
        "listed": [
            [{"part": part, "class": label, "picture": one_line(name)} for part, label, name in group]
            for group in twins.listed[:most_listed]
        ],
    }


def as_table(found: DataLook) -> pd.DataFrame:
    """Returns a row for each finding: equal and nearly equal pictures, equal names, what was left out."""
    return pd.DataFrame(
        [dict(zip(COLUMNS, row, strict=True)) for row in _rows(found)], columns=list(COLUMNS)
    )


def _rows(found: DataLook) -> Iterator[tuple[str, ...]]:
    for word, twins in (("equal", found.exact), ("nearly equal", found.near)):
        for (part, label, name), *others in twins.listed if twins else ():
            for other_part, other_label, other in others:
                yield word, one_line(name), part, label, one_line(other), other_part, other_label, ""
    for one, other in found.names:
        yield "same name", one_line(one), "", "", one_line(other), "", "", ""
    for each in found.images.problems:
        yield each.kind.value, one_line(each.place), "", "", "", "", "", one_line(each.detail)
    for warning in found.warnings:
        yield "warning", "", "", "", "", "", "", warning
