"""The facts about FashionMNIST that the code rests on, declared once (Xiao et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DatasetDescriptor:
    """Describes a data set of grey images of one size.

    Attributes:
        title: as people write it.
        classes: names of the classes by label, as the authors write them; the report has its own words.
        side: of the square images, in pixels.
        train_images: number of training images after the split.
        validation_images: number of images that the split sets apart.
        test_images: number of test images.
    """

    title: str
    classes: tuple[str, ...]
    side: int
    train_images: int
    validation_images: int
    test_images: int

    @property
    def pixels(self) -> int:
        """Number of pixels of an image."""
        return self.side * self.side


FASHION_MNIST = DatasetDescriptor(
    title="Fashion-MNIST",
    classes=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    side=28,
    train_images=54_000,
    validation_images=6_000,
    test_images=10_000,
)
#: Number of classes.
CLASSES = len(FASHION_MNIST.classes)
