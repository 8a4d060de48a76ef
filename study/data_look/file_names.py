"""Finds pictures of different parts whose files have one name: a hint that they show the same thing."""

from __future__ import annotations

import os
import re

from study.data.image_set import ImageSet

#: What Roboflow appends to the name of a picture for each altered copy of it.
_COPY = re.compile(r"\.rf\.[0-9a-f]{32}$")
#: Names that only number the files of a folder.
_NUMBER = re.compile(r"[\d\W_]*")


def shared_names(images: ImageSet) -> list[tuple[str, str]]:
    """Returns pairs of files in an earlier and a later part that have one name apart from their endings.

    Names that are only numbers say nothing. Each file of the later part is in one pair.

    Args:
        images: a set whose images are files; others have no names.
    """
    if not images.files:
        return []
    seen: dict[str, str] = {}
    found = []
    for part in images.parts:
        here: dict[str, str] = {}
        for name in part.names:
            stem = _COPY.sub("", os.path.splitext(name.rpartition("/")[2])[0]).lower()
            if _NUMBER.fullmatch(stem):
                continue
            if stem in seen:
                found.append((seen[stem], name))
            else:
                here.setdefault(stem, name)
        seen |= here
    return found
