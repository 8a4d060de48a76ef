"""What the study knows of a data set without reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

#: The name of a data set in flags, settings and run ids; a key of `study.datasets.DATASETS`.
DatasetName = NewType("DatasetName", str)
#: Labels and stored classes are bytes.
MOST_CLASSES = 256


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where the files of a data set of the MNIST family are looked for; what is empty does not exist.

    Attributes:
        torchvision: name of torchvision's class and folder; the class names the mirrors for a download.
        folder: the folder that a package of the operating system fills.
        package: the Debian package that fills it.
        kaggle: the stem of Kaggle's CSV files and of its archive, such as ``fashion-mnist``.
    """

    torchvision: str = ""
    folder: str = ""
    package: str = ""
    kaggle: str = ""


@dataclass(frozen=True, kw_only=True)
class DatasetDescriptor:
    """Describes a data set of square images, with equal numbers of images of each class or not.

    Attributes:
        name: in flags, settings and run ids.
        title: as people write it; the report has its own words for it.
        short: as messages name it; empty if they take the title.
        classes: names of the classes by label, 2 to 256; the report has its own words for them.
        side: of the images in pixels.
        channels: 1 for shades of grey, 3 for red, green and blue.
        on_black: whether the images are light objects on black, as those of the MNIST family are. Then
            `predict` looks for the object in a picture, and the report prints negatives.
        train_images: number of training images after the split.
        validation_images: number of images that the split sets apart.
        test_images: number of test images.
        flips: whether an image keeps its class when it is mirrored, so that augmentation may do so.
        sha256: digest of the published content (`study.data.content_sha256`); empty if there is none.
        part_sha256: digests of the training part alone and of the test part alone, which tell the wrong
            file; empty if there are none.
        reader: the function that finds and reads the data set, as ``module:function``; its arguments are
            those of `study.data.load`.
        files: where a reader of the MNIST family looks.
        source: key of the paper in the report's list of sources; empty if there is none.
    """

    name: DatasetName
    title: str
    short: str = ""
    classes: tuple[str, ...]
    side: int
    channels: int = 1
    on_black: bool = True
    train_images: int
    validation_images: int
    test_images: int
    flips: bool
    sha256: str = ""
    part_sha256: tuple[str, ...] = ()
    reader: str = "study.data.idx_family:load"
    files: Files = Files()
    source: str = ""

    def __post_init__(self) -> None:
        if not 2 <= len(self.classes) <= MOST_CLASSES:
            raise ValueError(f"{self.name}: {len(self.classes)} classes, expected 2…{MOST_CLASSES}")
        if len(self.part_sha256) not in (0, 2):
            raise ValueError(f"{self.name}: part_sha256 has one digest for train and one for test, or none")
        if min(self.train_images, self.validation_images, self.test_images) < len(self.classes):
            raise ValueError(f"{self.name}: a part has fewer images than there are classes")
        if self.channels not in (1, 3):
            raise ValueError(f"{self.name}: images of {self.channels} channels, expected 1 or 3")
        if self.side < 2:
            raise ValueError(f"{self.name}: images of a side of {self.side} pixels")

    @property
    def called(self) -> str:
        """The name in messages."""
        return self.short or self.title

    @property
    def pixels(self) -> int:
        """Number of pixels of an image."""
        return self.side * self.side

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image: [side, side], or [side, side, 3] in colour."""
        return (self.side, self.side) if self.channels == 1 else (self.side, self.side, self.channels)

    @property
    def labelled_images(self) -> int:
        """Number of images in the training files, before validation images are set apart."""
        return self.train_images + self.validation_images
