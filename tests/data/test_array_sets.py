"""idx, CSV and .npz files of images and labels are read as people have them, or refused in one line."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.data.image_formats import read_images
from study.data.image_set import ImageSet, PartName, Trouble
from study.data.readers import Part
from study.errors import DataError

Bytes = npt.NDArray[np.uint8]
IMAGES: Bytes = np.random.default_rng(0).integers(0, 256, (6, 5, 5), np.uint8)
LABELS: Bytes = np.array([3, 1, 1, 2, 3, 2], np.uint8)


def _read(place: Path) -> ImageSet:
    return read_images(place, cache=None, tell=lambda line: None)


def _idx(array: Bytes) -> bytes:
    magic = 2051 if array.ndim == 3 else 2049
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()


def _rows(images: Bytes, labels: npt.NDArray[Any], separator: str = ",") -> list[str]:
    return [
        separator.join([str(label), *map(str, image.ravel())])
        for image, label in zip(images, labels, strict=True)
    ]


def _header(side: int, separator: str = ",") -> str:
    return separator.join(["label", *(f"pixel{n}" for n in range(side * side))])


def _is_the_set(found: ImageSet, part: PartName = PartName.ALL) -> None:
    (only,) = found.parts
    assert only.name is part
    assert np.array_equal(only.images[:, :, :, 0], IMAGES)
    assert only.labels.tolist() == [2, 0, 0, 1, 2, 1]
    assert only.sizes.tolist() == [[5, 5]] * 6 and only.grey.all()


def test_the_sample_of_fashion_mnist_is_read_bit_for_bit(sample: dict[str, Part], tmp_path: Path) -> None:
    """The same from idx, from Kaggle's CSV, and from .npz."""
    parts = {"train": sample["train"], "test": sample["t10k"]}
    arrays = {}
    for name, part in parts.items():
        lines = [_header(28), *_rows(part.images, part.labels)]
        (tmp_path / f"fashion-mnist_{name}.csv").write_text("\n".join(lines))
        arrays |= {f"x_{name}": part.images, f"y_{name}": part.labels}
    np.savez_compressed(tmp_path / "set.npz", **arrays)
    places = Path(__file__).parent / "sample", tmp_path, tmp_path / "set.npz"
    for place, form in zip(places, ("idx files", "CSV of pixels", ".npz arrays"), strict=True):
        found = _read(place)
        assert found.form == form and found.classes == tuple("0123456789") and not found.named
        for ours, part in zip(found.parts, parts.values(), strict=True):
            assert np.array_equal(ours.images[:, :, :, 0], part.images)
            assert np.array_equal(ours.labels, part.labels)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("images", "labels", "part"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", PartName.TRAIN),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte", PartName.TEST),
        ("train-images-idx3-ubyte/train-images-idx3-ubyte", "train-labels-idx1-ubyte", PartName.TRAIN),
    ],
)
def test_idx_files_as_people_have_them(
    images: str, labels: str, part: PartName, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    for name, array in ((images, IMAGES), (labels, LABELS)):
        path = tmp_path / (name + (".gz" if pack is gzip.compress else ""))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pack(_idx(array)))
    _is_the_set(_read(tmp_path), part)


def _emnist(folder: Path, kind: str) -> Path:
    for what, array in (("images-idx3", IMAGES.transpose(0, 2, 1)), ("labels-idx1", LABELS)):
        path = folder / f"emnist-{kind}-train-{what}-ubyte.gz"
        path.write_bytes(gzip.compress(_idx(np.ascontiguousarray(array))))
    return folder / f"emnist-{kind}-train-images-idx3-ubyte.gz"


def test_emnist_is_transposed_and_named(tmp_path: Path) -> None:
    path = _emnist(tmp_path, "letters")
    found = _read(tmp_path)
    _is_the_set(found, PartName.TRAIN)
    assert found.classes == ("A", "B", "C") and found.named
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n3 67 99\n")
    assert _read(path).classes == ("A/a", "B/b", "C/c")
    _emnist(tmp_path, "digits")
    assert _read(path).classes == ("A/a", "B/b", "C/c")
    with pytest.raises(DataError, match=r"several sets \(emnist-digits-, emnist-letters-\)"):
        _read(tmp_path)
    (tmp_path / "emnist-letters-mapping.txt").write_text("1 65\n2 7\n")
    with pytest.raises(DataError, match=r"mapping\.txt, line 2"):
        _read(path)


def test_labels_get_names_from_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    (tmp_path / "classes.yaml").write_text("- none\n- one\n- two\n- three\n")
    assert _read(tmp_path / "a.npz").classes == ("one", "two", "three")
    (tmp_path / "classes.yaml").write_text("2: zwei\n")
    found = _read(tmp_path)
    assert found.classes == ("1", "zwei", "3") and found.named


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"train-images-idx3-ubyte": _idx(IMAGES)}, "the file of labels that belongs to it is missing"),
        (
            {"train-images-idx3-ubyte": _idx(IMAGES), "train-labels-idx1-ubyte": _idx(LABELS[:5])},
            "6 images, but 5 labels",
        ),
        (
            {"train-images-idx3-ubyte": _idx(IMAGES)[:-1], "train-labels-idx1-ubyte": _idx(LABELS)},
            "165 bytes, expected 166",
        ),
        (
            {
                "train-images-idx3-ubyte": struct.pack(">4I", 2051, 2**31, 2**31, 28),
                "train-labels-idx1-ubyte": _idx(LABELS),
            },
            "would take .* GB of memory",
        ),
        (
            {"train-images-idx3-ubyte": _idx(IMAGES[:, :0]), "train-labels-idx1-ubyte": _idx(LABELS)},
            "which is nothing",
        ),
        ({"train-images-idx3-ubyte": b"", "train-labels-idx1-ubyte": b""}, "truncated"),
        ({"train-images-idx3-ubyte": b"", "train-labels-idx1-ubyte": _idx(IMAGES)}, "magic 2051"),
    ],
)
def test_bad_idx_files_are_refused(files: dict[str, bytes], says: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        _read(tmp_path)


@pytest.mark.parametrize(
    "lines",
    [
        [_header(5), *_rows(IMAGES, LABELS)],
        _rows(IMAGES, LABELS),
        [_header(5, ";"), *_rows(IMAGES, LABELS, ";")],
        ['"label",' + ",".join(f'"{n}"' for n in range(25)), *_rows(IMAGES, LABELS)],
        ["0," + ",".join(f"0.{n}" for n in range(1, 26)), *_rows(IMAGES, LABELS)],
        [
            ",".join([*(f"p{n}" for n in range(25)), "Class"]),
            *(",".join([*row.split(",")[1:], row.split(",")[0]]) for row in _rows(IMAGES, LABELS)),
        ],
    ],
    ids=["label first", "no header", "semicolons", "quoted", "numbers as header", "label last"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_files_as_people_have_them(lines: list[str], end: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((end.join(lines) + end).encode("utf-8-sig"))
    _is_the_set(_read(tmp_path / "a.csv"))


def test_labels_of_a_csv_may_be_words_and_files_without_labels_are_named(tmp_path: Path) -> None:
    words = np.array(["dress", "bag", "bag", "coat", "dress", "coat"])
    (tmp_path / "train.csv").write_text("\n".join([_header(5), *_rows(IMAGES, words)]))
    unlabelled = [row.partition(",")[2] for row in [_header(5), *_rows(IMAGES, LABELS)]]
    (tmp_path / "test.csv").write_text("\n".join(unlabelled))
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    found = _read(tmp_path)
    _is_the_set(found, PartName.TRAIN)
    assert found.classes == ("bag", "coat", "dress") and found.named
    problems = {(problem.kind, problem.place) for problem in found.problems}
    assert problems == {(Trouble.UNLABELLED, "test.csv"), (Trouble.FOREIGN, "sample_submission.csv")}


ROWS = _rows(IMAGES, LABELS)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([_header(5), "1,2,3"], "rows of 2 pixels, expected 25"),
        ([_header(5), *ROWS, "1" + ",256" * 25], "not pixels in 0…255"),
        ([_header(5), *ROWS, "1" + ",x" * 25], "not pixels in 0…255"),
        ([_header(5), *ROWS, "" + ",1" * 25], "row 7: no label"),
        ([_header(5), ROWS[0], "", ROWS[1]], "row 2 is empty"),
        ([_header(5), "1," * 500], "row 1 is longer"),
        (["label," + ",".join(map(str, range(26)))], "27 columns"),
        (["," * 2_000_000], "longer than 256×256 pixels can be"),
        ([_header(5)], "no rows"),
        ([""], "1 columns"),
        ([_header(5), *(row.replace("3,", "1,", 1) for row in ROWS[:3])], "1 class found"),
    ],
)
def test_bad_csv_files_are_refused(lines: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=says):
        _read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "arrays",
    [
        {"x_train": IMAGES, "y_train": LABELS},
        {"X_train": IMAGES.reshape(6, 25), "Y_train": LABELS[:, None]},
        {"train_images": IMAGES[:, :, :, None], "train_labels": LABELS.astype(float)},
        {"train_images": IMAGES[:, None], "train_labels": LABELS, "notes": np.zeros(3)},
        {"x_train": IMAGES / 255, "y_train": np.eye(4)[LABELS]},
        {"x_train": IMAGES.astype(np.int64), "y_train": LABELS, "x_test": IMAGES[:0], "y_test": LABELS[:0]},
        {"x_train": np.repeat(IMAGES[:, :, :, None], 3, axis=3), "y_train": LABELS},
    ],
    ids=["Keras", "flat", "MedMNIST", "channels first", "floats, one-hot", "int64", "three equal channels"],
)
def test_npz_files_as_people_have_them(arrays: dict[str, npt.NDArray[Any]], tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    _is_the_set(_read(tmp_path / "a.npz"), PartName.TRAIN)


def test_kuzushiji_has_a_file_for_each_array(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "k49-train-imgs.npz", IMAGES)
    np.savez_compressed(tmp_path / "k49-train-labels.npz", LABELS)
    _is_the_set(_read(tmp_path), PartName.TRAIN)


def test_medmnist_has_three_parts_in_colour(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for part, count in (("train", 6), ("val", 4), ("test", 5)):
        arrays[f"{part}_images"] = generator.integers(0, 256, (count, 28, 28, 3), np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % 2)[:, None]
    np.savez(tmp_path / "bloodmnist.npz", **arrays)
    found = _read(tmp_path / "bloodmnist.npz")
    assert [part.name.value for part in found.parts] == ["train", "validation", "test"]
    for part, name in zip(found.parts, ("train", "val", "test"), strict=True):
        assert np.array_equal(part.images, arrays[f"{name}_images"]) and not part.grey.any()


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": IMAGES}, "no images with labels"),
        ({"y": LABELS}, "y has no array of images"),
        ({"x": IMAGES, "y": LABELS[:4]}, "6 images, but 4 labels"),
        ({"x": IMAGES, "y": np.array(list("aabbcc"), object)}, "Python objects"),
        ({"x": IMAGES, "y": np.ones((6, 3))}, "several labels an image"),
        ({"x": IMAGES, "y": LABELS + 0.5}, "no whole numbers"),
        ({"x": IMAGES, "y": np.full(6, np.nan)}, "no whole numbers"),
        ({"x": IMAGES.astype(float) - 9, "y": LABELS}, "expected 0…255 or 0…1"),
        ({"x": np.full((6, 5, 5), np.nan), "y": LABELS}, "expected 0…255 or 0…1"),
        ({"x": np.zeros((6, 5, 5, 2)), "y": LABELS}, "expected images × height × width"),
        ({"x": np.array(5), "y": LABELS}, "expected images × height × width"),
        ({"x": np.array(["a"] * 6), "y": LABELS}, "expected images × height × width"),
        ({"x": IMAGES, "y": LABELS, "images": IMAGES}, "second array of images"),
        ({"x_train": IMAGES, "y_train": LABELS, "x": IMAGES, "y": LABELS}, "others of neither"),
        ({"x": IMAGES, "y": np.zeros(6, int)}, "1 class found"),
        ({"x": np.zeros((1001, 2, 2), np.uint8), "y": np.arange(1001)}, "1,001 classes found"),
    ],
)
def test_bad_npz_files_are_refused(arrays: dict[str, npt.NDArray[Any]], says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=says):
        _read(tmp_path / "a.npz")


def test_an_npz_file_that_declares_more_than_there_is_memory_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("x.npy", "w") as stream:
        shape = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 1000, 1000)}
        np.lib.format.write_array_header_1_0(stream, shape)
    with pytest.raises(DataError, match=r"would take 3,000,000\.0 GB of memory"):
        _read(tmp_path / "a.npz")


def test_labels_that_do_not_occur_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS * 2)
    assert [problem.detail for problem in _read(tmp_path / "a.npz").problems] == [
        "no image has the label 3, 5"
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.zip", "nowhere", "a.npz"])
def test_what_is_no_set_is_refused(name: str, tmp_path: Path) -> None:
    if name != "nowhere":
        (tmp_path / name).write_text("words")
    with pytest.raises(DataError):
        _read(tmp_path / name)
    with pytest.raises(DataError):
        _read(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.sampled_from(["a.csv", "a.npz", "train-images-idx3-ubyte", "a.zip"]), st.data())
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    path = tmp_path / name
    if name.endswith(".csv"):
        path.write_text("\n".join([_header(5), *ROWS]))
    elif name.endswith("ubyte"):
        path.write_bytes(_idx(IMAGES))
        (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(LABELS))
    else:
        with path.open("wb") as stream:
            np.savez(stream, x=IMAGES, y=LABELS)
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        found = _read(path)
    except DataError:
        return
    assert len(found.parts[0].labels) == len(found.parts[0].images)
