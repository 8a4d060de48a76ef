"""Real FashionMNIST for every test: the whole installed set, and a small sample that ships."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.data import FashionMNIST, load
from study.data.places import Part

SAMPLE = Path(__file__).parent / "data" / "sample"
SAMPLE_SIZES = {"train": 200, "t10k": 100}


@pytest.fixture(autouse=True)
def usual_floats() -> Iterator[None]:
    """A study flushes denormals in the whole process; the next test gets them back."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def fashion() -> FashionMNIST:
    """The whole set from Debian's package, which `make test` installs."""
    return load(offline=True)


@pytest.fixture(scope="session")
def sample() -> dict[str, Part]:
    """``train`` (200 objects) and ``t10k`` (100): real images without the installed package."""
    from study.data.idx import read_idx

    parts = {}
    for prefix, count in SAMPLE_SIZES.items():
        images = SAMPLE / f"{prefix}-images-idx3-ubyte.gz"
        labels = SAMPLE / f"{prefix}-labels-idx1-ubyte.gz"
        with images.open("rb") as pixels, labels.open("rb") as classes:
            parts[prefix] = Part(
                images=read_idx(pixels, images.name, count, 3),
                labels=read_idx(classes, labels.name, count, 1),
                name=images.name,
            )
    return parts
