"""Class folders are read as people have them; what is left out is named, and too much of it is an error."""

from __future__ import annotations

import os
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from picture_sets import encoded, photo, write, write_classes
from PIL import Image, ImageFile

from study.data.image_formats import read_images
from study.data.image_set import ImageSet, PartName, Trouble
from study.data.readers import Part
from study.errors import DataError

SAMPLE = Path(__file__).parent / "sample"


def _read(place: Path) -> ImageSet:
    return read_images(place, cache=None, tell=lambda line: None)


def _places(images: ImageSet, kind: Trouble) -> list[str]:
    return [problem.place for problem in images.problems if problem.kind is kind]


def _counts(images: ImageSet) -> dict[PartName, list[int]]:
    size = len(images.classes)
    return {part.name: np.bincount(part.labels, minlength=size).tolist() for part in images.parts}


def test_png_files_give_the_pixels_of_the_idx_files(sample: dict[str, Part], tmp_path: Path) -> None:
    for name, part in (("train", sample["train"]), ("test", sample["t10k"])):
        for number, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
            write(tmp_path / name / str(label) / f"{number:05}.png", Image.fromarray(image))
    pictures, arrays = _read(tmp_path), _read(SAMPLE)
    assert pictures.classes == arrays.classes == tuple("0123456789")
    assert [part.name for part in pictures.parts] == [PartName.TRAIN, PartName.TEST]
    assert pictures.problems == () and pictures.named and not arrays.named
    for ours, theirs, part in zip(pictures.parts, arrays.parts, sample.values(), strict=True):
        assert np.array_equal(theirs.images[:, :, :, 0], part.images)
        assert np.array_equal(theirs.labels, part.labels)
        order = np.argsort(theirs.labels, kind="stable")  # folders are sorted by class, then by name
        for column in ("images", "labels", "digests", "sizes", "grey"):
            assert np.array_equal(getattr(ours, column), getattr(theirs, column)[order]), column


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(20), "dog": range(20, 40)})
    write(tmp_path / "cat" / "deeper" / "40.png", photo(40))
    write(tmp_path / "dog" / "no_ending", photo(41))
    write(tmp_path / "cat" / "broken.png", encoded(photo(42))[:-100])
    write(tmp_path / "dog" / "notes.txt", b"words")
    write(tmp_path / "lost.png", photo(43))
    write(tmp_path / "cat" / ".DS_Store", b"x")
    write(tmp_path / "dog" / "Thumbs.db", b"x")
    write(tmp_path / "__MACOSX" / "cat" / "._1.png", b"x")
    (tmp_path / "bird").mkdir()
    os.symlink(tmp_path, tmp_path / "dog" / "again")
    os.symlink("itself", tmp_path / "dog" / "itself")
    os.mkfifo(tmp_path / "dog" / "pipe.png")
    found = _read(tmp_path)
    assert _counts(found) == {PartName.ALL: [21, 21]} and found.classes == ("cat", "dog")
    assert _places(found, Trouble.BROKEN) == ["cat/broken.png"]
    assert _places(found, Trouble.FOREIGN) == ["dog/notes.txt"]
    assert _places(found, Trouble.OUTSIDE) == ["lost.png"]
    assert _places(found, Trouble.EMPTY_CLASS) == ["bird"]
    assert set(_places(found, Trouble.IGNORED)) == {"__MACOSX", "cat/.DS_Store", "dog/Thumbs.db"}
    assert set(_places(found, Trouble.NOT_FOLLOWED)) == {"dog/again", "dog/itself", "dog/pipe.png"}
    (broken,) = (problem for problem in found.problems if problem.kind is Trouble.BROKEN)
    assert "damaged" in broken.detail


@pytest.mark.parametrize("train", ["train", "Training"])
@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_parts_are_known_by_their_folders(train: str, validation: str, tmp_path: Path) -> None:
    whole = tmp_path / "download" / "set-1.0"  # as archives are unpacked
    for part, seeds in ((train, range(4)), (validation, range(4, 6)), ("test", range(6, 9))):
        write_classes(whole / part, {"cat": seeds, "dog": seeds})
    write(whole / "test" / "unlabelled.png", photo(9))
    (whole / "test" / "bird").mkdir()
    found = _read(tmp_path)
    assert _counts(found) == {
        PartName.TRAIN: [4, 4],
        PartName.VALIDATION: [2, 2],
        PartName.TEST: [3, 3],
    }
    assert _places(found, Trouble.UNLABELLED) == ["download/set-1.0/test/unlabelled.png"]
    assert _places(found, Trouble.EMPTY_CLASS) == ["download/set-1.0/test/bird"]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    write_classes(tmp_path, {"train/fast": range(2), "train/slow": range(2, 4), "bus": range(4, 7)})
    found = _read(tmp_path)
    assert found.classes == ("bus", "train") and _counts(found) == {PartName.ALL: [3, 4]}


def test_names_in_two_forms_of_unicode_are_one_class(tmp_path: Path) -> None:
    composed, taken_apart = (unicodedata.normalize(form, "йод") for form in ("NFC", "NFD"))
    assert composed != taken_apart
    write_classes(tmp_path / "train", {composed: range(3), "Cat": range(3, 6)})
    write_classes(tmp_path / "test", {taken_apart: range(6, 8), "cat": range(8, 9)})
    found = _read(tmp_path)
    assert found.classes == ("Cat", "cat", composed)
    assert _counts(found) == {PartName.TRAIN: [3, 0, 3], PartName.TEST: [0, 1, 2]}
    details = [problem.detail for problem in found.problems if problem.kind is Trouble.NAMES]
    assert len(details) == 2 and any("two forms of Unicode" in detail for detail in details)
    assert any("capital letters" in detail for detail in details)


def test_a_name_that_is_not_utf8_is_printed_as_codes(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(2), os.fsdecode(b"d\xffg"): range(2, 4)})
    assert _read(tmp_path).classes == ("cat", "d\\xffg")


def test_classes_are_named_by_a_file(tmp_path: Path) -> None:
    write_classes(tmp_path, {"n01": range(2), "n02": range(2, 4)})
    write(tmp_path / "classes.yaml", "n01: кошка\nn09: whale\n".encode())
    found = _read(tmp_path)
    assert found.classes == ("кошка", "n02")
    assert [problem.detail for problem in found.problems] == ["n09 is not among the class folders"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[", "classes.yaml, line"),
        (b"cat", "must hold lines"),
        (b"cat: [1]", "'cat' has no name"),
        (b"cat: a\ncat: b", "twice"),
        (b"cat: a\ndog: a", "two classes are called 'a'"),
        (b"\xff\xfe\xff", "not valid YAML"),
        (b"a: b\n" * 60_000, "larger than"),
        (b"? [cat]\n: a", "must hold lines"),
    ],
)
def test_a_bad_file_of_names_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(2), "dog": range(2, 4)})
    write(tmp_path / "classes.yaml", content)
    with pytest.raises(DataError, match=says):
        _read(tmp_path)


def test_a_set_is_read_without_few_broken_pictures_only(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(30), "dog": range(30, 58)})
    for number in range(3):
        write(tmp_path / "dog" / f"broken{number}.jpg", b"no picture")
    assert len(_places(_read(tmp_path), Trouble.BROKEN)) == 3  # of 61
    write(tmp_path / "dog" / "broken3.jpg", b"no picture")
    with pytest.raises(DataError, match="4 of 62 pictures cannot be read, at most 3 may be; dog/broken0"):
        _read(tmp_path)


def test_a_class_of_one_broken_picture_is_an_error(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(3), "dog": range(3, 6)})
    write(tmp_path / "bird" / "1.heic", b"\0\0\0\x18ftypheic")
    with pytest.raises(DataError, match="no picture of the class bird can be read"):
        _read(tmp_path)


def test_a_zip_archive_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "set", {"cat": range(3), "dog": range(3, 7)})
    write(folder / "dog" / "notes.txt", b"words")
    (folder / "bird").mkdir()
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(tmp_path))
        archive.writestr("__MACOSX/set/cat/._0.png", b"x")
    packed, loose = _read(tmp_path / "set.zip"), _read(folder)
    assert packed.classes == loose.classes
    assert np.array_equal(packed.parts[0].images, loose.parts[0].images)
    assert np.array_equal(packed.parts[0].labels, loose.parts[0].labels)
    assert _places(packed, Trouble.EMPTY_CLASS) == ["set/bird"]
    assert _places(packed, Trouble.IGNORED) == ["__MACOSX"]


def test_a_damaged_member_of_an_archive_is_a_broken_picture(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_STORED) as archive:
        for number in range(4):
            archive.writestr(f"{'cat' if number < 2 else 'dog'}/{number}.png", encoded(photo(number)))
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[content.index(b"IDAT") + 30] ^= 255  # its checksum in the archive is wrong now
    (tmp_path / "set.zip").write_bytes(content)
    assert _places(_read(tmp_path / "set.zip"), Trouble.BROKEN) == ["cat/0.png"]


def test_an_archive_that_needs_unlimited_memory_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("cat/0.png", encoded(photo(0)))
    with pytest.raises(DataError, match="neither by deflate"):
        _read(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ({"cat": range(3)}, "1 class found, a set has 2 to 1,000"),
        ({"cat": range(0), "dog": range(0)}, "holds no set of images"),
    ],
)
def test_a_set_without_classes_is_refused(classes: dict[str, range], says: str, tmp_path: Path) -> None:
    for name in classes:
        (tmp_path / name).mkdir()
    write_classes(tmp_path, classes)
    with pytest.raises(DataError, match=says):
        _read(tmp_path)


def test_half_pictures_are_broken_whatever_a_library_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WeasyPrint makes Pillow fill up files that end too early, in the whole process."""
    write_classes(tmp_path, {"cat": range(300), "dog": range(300, 600)})
    for number in range(20):
        write(tmp_path / "dog" / f"half{number}.png", encoded(photo(number))[:-200])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert len(_places(_read(tmp_path), Trouble.BROKEN)) == 20
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
