"""Takes anybody's set of images as the data set of a study, and tells what is in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from study.data import LabelledImages
from study.data.image_formats import read_images
from study.data.own_set import own_set
from study.data.picture_cache import cache_folder
from study.data_look.export import as_json
from study.data_look.look import look
from study.data_look.page import brief
from study.datasets import register

#: Groups of equal pictures, problems and names that a study keeps of the look.
LISTED = 20


def take(place: Path, *, flips: str, tell: Callable[[str], None]) -> tuple[LabelledImages, dict[str, Any]]:
    """Reads a set and makes it known to this process as a data set.

    Args:
        place: the folder or file.
        flips: whether training mirrors the pictures: ``yes``, ``no``, or ``auto`` by the classes' names.
        tell: is told what is in the set, what was decided, and what is wrong with it.

    Returns:
        The images, and the content of data_look.json.

    Raises:
        DataError: there is no set, or it cannot be studied.
    """
    pictures = read_images(place, cache=cache_folder(), tell=tell)
    found = look(pictures)
    mirrors = found.mirrored if flips == "auto" else flips == "yes"
    own = own_set(pictures, flips=mirrors)
    register(own.images.data)
    why = found.mirror_reason if flips == "auto" else f"--flips {flips}"
    mirrored = f"training {'mirrors pictures' if mirrors else 'does not mirror pictures'} ({why})"
    for line in (*brief(found), *own.told(), mirrored):
        tell(line)
    return own.images, {**as_json(found, most_listed=LISTED), **own.facts()}
