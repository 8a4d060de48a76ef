"""Says what follows from the names and sizes of classes: a fair measure, and whether to mirror pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: Ratio of the largest class to the smallest from which on accuracy misleads. If the recalls of two classes
#: at this ratio differ by 0.2, accuracy and balanced accuracy differ by 2 percentage points. MNIST has 1.2.
IMBALANCED = 1.5
#: Pictures of a class in the training part below which it is named.
FEW = 10
_WORDS = frozenset(
    (
        *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        *("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"),
    )
)
_SIDES = re.compile(
    r"(?<![a-z])(left|right|east|west|(counter|anti)?-?clockwise)(?![a-z])|лев(ый|ая|ое|о|ых)|прав(ый|ая|ое|о|ых)"
)
_LISTED = 3


def imbalance(counts: npt.NDArray[np.int64]) -> float:
    """Returns the number of pictures of the largest class by that of the smallest one that has any."""
    filled = counts[counts > 0]
    return float(filled.max() / filled.min()) if filled.size else 1.0


def mirror(classes: Sequence[str], named: bool) -> tuple[bool, str]:
    """Says whether a study would mirror pictures from left to right, and why; names alone cannot prove it.

    Args:
        classes: their names.
        named: whether somebody gave them, see `study.data.image_set.ImageSet`.
    """
    if not named:
        return False, "the classes are bare labels, which may be digits or letters"
    signs = [name for name in classes if _is_sign(name)]
    if 2 * len(signs) >= len(classes):
        listed = ", ".join(signs[:_LISTED])
        return False, f"the classes are named like digits or letters ({listed} …)"
    sides = [name for name in classes if _SIDES.search(name.lower().replace("_", " "))]
    if sides:
        return False, f"names of classes speak of a side ({', '.join(sides[:_LISTED])})"
    return True, "no name of a class speaks of a side, a digit or a letter"


def _is_sign(name: str) -> bool:
    """Whether a name is a letter, a number, or a letter in both cases as in ``A/a``."""
    words = [word for word in re.split(r"[\s/_-]+", name.lower()) if word]
    return bool(words) and all(
        (len(word) == 1 and word.isalnum()) or word.isdecimal() or word in _WORDS for word in words
    )
