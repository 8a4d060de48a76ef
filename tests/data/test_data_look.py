"""The look names what is planted in a set: equal and nearly equal pictures, leaks, imbalance, odd files."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from picture_sets import encoded, photo, write, write_classes
from PIL import Image
from sklearn.datasets import load_digits

from study.cli import main
from study.data.image_formats import read_images
from study.data.image_set import ImageSet, PartName
from study.data_look.classes import mirror
from study.data_look.look import DataLook, look
from study.data_look.page import page

SAMPLE = Path(__file__).parent / "sample"


def _read(place: Path) -> ImageSet:
    return read_images(place, cache=None, tell=lambda line: None)


def _look(place: Path) -> DataLook:
    return look(_read(place))


def _plain(folder: Path) -> Path:
    """A set of two parts without anything to say about it."""
    write_classes(folder / "train", {"cat": range(12), "dog": range(20, 32)})
    write_classes(folder / "test", {"cat": range(40, 46), "dog": range(50, 56)})
    return folder


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with one thing of each kind."""
    folder = _plain(tmp_path_factory.mktemp("planted") / "zoo")
    train, test = folder / "train", folder / "test"
    write(test / "cat" / "equal.bmp", encoded(photo(3), "BMP"))
    write(test / "dog" / "near.jpg", encoded(photo(21).resize((60, 50)), "JPEG", quality=60))
    write(train / "dog" / "mixed.png", photo(5))  # a cat
    write(train / "cat" / "holiday_7.png", photo(70))
    write(test / "dog" / "Holiday_7.jpg", encoded(photo(71), "JPEG"))
    write(train / "cat" / "broken.png", encoded(photo(72))[:-99])
    write(train / "dog" / "notes.txt", b"words")
    write(train / "dog" / ".DS_Store", b"x")
    (train / "bird").mkdir()
    return folder


def test_a_set_without_faults_has_no_warning(tmp_path: Path) -> None:
    found = _look(_plain(tmp_path))
    assert found.warnings == () and found.balanced and found.names == ()
    assert found.exact.groups == 0 and found.near is not None and found.near.groups == 0
    assert found.counts.tolist() == [[12, 12], [6, 6]]
    assert [sizes.different for sizes in found.sizes] == [1, 1]


def test_what_is_planted_is_found(planted: Path) -> None:
    found = _look(planted)
    assert found.exact.groups == 2 and found.exact.pictures == 4
    assert found.exact.leaks == {PartName.TEST: 1} and found.exact.contradictions == 1
    equal = {tuple(sorted(name for _, _, name in group)) for group in found.exact.listed}
    assert equal == {
        ("test/cat/equal.bmp", "train/cat/3.png"),
        ("train/cat/5.png", "train/dog/mixed.png"),
    }
    assert found.near is not None and found.near_complete
    assert found.near.groups == 1 and found.near.leaks == {PartName.TEST: 1}
    assert found.near.listed == (
        (("train", "dog", "train/dog/21.png"), ("test", "dog", "test/dog/near.jpg")),
    )
    assert found.names == (("train/cat/holiday_7.png", "test/dog/Holiday_7.jpg"),)
    assert found.counts.tolist() == [[13, 13], [7, 8]]


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_everything_planted_is_on_the_page(planted: Path, width: int) -> None:
    lines = page(_look(planted), width)
    text = " ".join(" ".join(lines).split())
    for name in (
        *("test/cat/equal.bmp", "test/dog/near.jpg", "train/dog/mixed.png", "holiday_7.png"),
        *("train/cat/broken.png", "train/dog/notes.txt", "train/bird", "train/dog/.DS_Store"),
    ):
        assert name in text
    for words in ("zoo: class folders, 2 classes, 41 pictures", "broken pictures, 1", "not pictures, 1"):
        assert words in text
    assert "the test part is not independent: 1 of 15 (6.7%) are equal" in text
    assert "1 of 15 (6.7%) nearly" in text and "equal pictures have different classes: 1 group" in text
    assert "A study of this set: `--data` with the same path" in text
    assert all(len(line) <= max(40, width) or " " not in line.strip() for line in lines)


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: encoded(picture, "JPEG", quality=20),
        lambda picture: encoded(picture.resize((200, 167), Image.Resampling.BICUBIC), "PNG"),
        lambda picture: encoded(picture.resize((48, 40), Image.Resampling.LANCZOS), "PNG"),
        lambda picture: encoded(picture.point(lambda value: value * 0.8 + 20), "PNG"),
        lambda picture: encoded(picture.convert("L"), "PNG"),
    ],
    ids=["JPEG", "larger", "smaller", "contrast", "grey"],
)
def test_altered_copies_are_nearly_equal(change, tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(40), "dog": range(40, 80)})
    for seed in range(0, 80, 8):
        write(tmp_path / "dog" / f"copy{seed}", change(photo(seed)))
    found = _look(tmp_path)
    assert found.near is not None
    pairs = {tuple(Path(name).stem for _, _, name in pair) for pair in found.near.listed}
    expected = {frozenset((str(seed), f"copy{seed}")) for seed in range(0, 80, 8)}
    assert {frozenset(pair) for pair in pairs} == expected
    assert "is not divided" in found.warnings[0]


def test_bars_of_black_do_not_make_pictures_equal(tmp_path: Path) -> None:
    for seed in range(40):
        name = "cat" if seed % 2 else "dog"
        write(tmp_path / name / f"{seed}.png", photo(seed, 90, 12 + seed % 3))
    found = _look(tmp_path)
    assert found.near is not None and found.near.groups == 0


def test_pictures_of_one_shade_are_not_nearly_equal(tmp_path: Path) -> None:
    for shade in range(40):
        write(
            tmp_path / ("cat" if shade % 2 else "dog") / f"{shade}.png", Image.new("L", (30, 30), shade * 6)
        )
    found = _look(tmp_path)
    assert found.exact.groups == 0 and found.near is not None and found.near.groups == 0


def test_all_equal_pictures_are_one_group(tmp_path: Path) -> None:
    images = np.repeat(np.asarray(photo(0))[None], 300, axis=0)
    np.savez(
        tmp_path / "a.npz",
        x_train=images[:200],
        y_train=[0, 1] * 100,
        x_test=images[200:],
        y_test=[0, 1] * 50,
    )
    found = _look(tmp_path / "a.npz")
    assert (found.exact.groups, found.exact.pictures, found.exact.contradictions) == (1, 300, 1)
    assert found.exact.leaks == {PartName.TEST: 100}
    assert found.near is not None and found.near.groups == 0


def test_imbalance_changes_the_measure(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(14), "dog": range(20, 30)})
    assert _look(tmp_path).balanced
    write_classes(tmp_path, {"cat": range(14, 15)})
    found = _look(tmp_path)
    assert not found.balanced and found.ratio == 1.5
    assert [warning for warning in found.warnings if "balanced accuracy and macro F1" in warning]
    write(tmp_path / "bird" / "1.png", photo(99))
    warnings = " ".join(_look(tmp_path).warnings)
    assert "fewer than 10 pictures in the all part: bird (1)" in warnings and "15.0 times" in warnings


def test_a_class_that_a_part_lacks_is_a_warning(tmp_path: Path) -> None:
    folder = _plain(tmp_path)
    write_classes(folder / "train", {"bird": range(60, 72)})
    assert "the test part has no pictures of bird" in _look(folder).warnings


def test_names_that_number_files_and_copies_of_roboflow(tmp_path: Path) -> None:
    code = "0123456789abcdef" * 2
    for part, start in (("train", 0), ("test", 50)):
        for number, name in enumerate(("001", "1_2", f"road_jpg.rf.{code}", part)):
            write(tmp_path / part / ("a" if number % 2 else "b") / f"{name}.png", photo(start + number))
        code = code[::-1]
    (pair,) = _look(tmp_path).names
    assert "train/b/road_jpg" in pair[0] and "test/b/road_jpg" in pair[1]


@pytest.mark.parametrize(
    ("classes", "named", "mirrored", "says"),
    [
        (["0", "1", "2"], True, False, "digits or letters"),
        (["A/a", "B/b"], True, False, "digits or letters"),
        (["ноль", "один"], True, False, "digits or letters"),
        (["0", "1"], False, False, "bare labels"),
        (["cat", "dog", "x"], True, True, "no name"),
        (["left_hand", "right hand"], True, False, "left_hand"),
        (["turn-right", "stop"], True, False, "turn-right"),
        (["поворот левый", "стоп"], True, False, "левый"),
        (["aright", "bright"], True, True, "no name"),
    ],
)
def test_mirroring_is_assumed_from_names(
    classes: list[str], named: bool, mirrored: bool, says: str
) -> None:
    found, why = mirror(classes, named)
    assert found is mirrored and says in why


def test_many_classes_are_shortened_on_the_page(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (400, 8, 8), np.uint8)
    np.savez(tmp_path / "a.npz", x=images, y=[f"class{n % 100:02}" for n in range(399)] + ["class00"])
    lines = page(_look(tmp_path / "a.npz"), 80)
    assert sum(line.startswith("class") for line in lines) == 1 + 24
    assert any(line.startswith("… 76 more (--json)") for line in lines)
    assert next(line for line in lines if line.startswith("class0")).split() == ["class00", "5", "1.2%"]


def test_a_name_cannot_steer_the_terminal_or_the_table(tmp_path: Path) -> None:
    write_classes(tmp_path, {"[red]cat\x1b[31m": range(12), ":smile:": range(20, 32)})
    lines = page(_look(tmp_path), 80)
    assert any(line.startswith("[red]cat\\x1b[31m") for line in lines)
    assert any(line.startswith(":smile: ") for line in lines)


def test_what_the_search_leaves_out_is_said(planted: Path) -> None:
    found = _look(planted)
    text = " ".join(page(replace(found, near=None), 100))
    assert "not looked for: too many pictures" in text
    assert "the search was ended" in " ".join(page(replace(found, near_complete=False), 100))


def test_the_command(planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    json_file, csv_file = tmp_path / "out" / "a.json", tmp_path / "a.csv"
    assert main(["look", str(planted), "--json", str(json_file), "--csv", str(csv_file)]) == 0
    told = capsys.readouterr()
    assert told.err == "" and "Warnings" in told.out and str(csv_file) in told.out
    stored = json.loads(json_file.read_text(encoding="utf-8"))
    assert stored["parts"]["train"]["by_class"] == [13, 13] and stored["classes"] == ["cat", "dog"]
    assert stored["equal"]["groups"] == 2 and stored["nearly_equal"]["in_an_earlier_part"] == {"test": 1}
    assert stored["measures"] == ["accuracy"] and stored["mirrored"] is True
    rows = list(csv.DictReader(io.StringIO(csv_file.read_text(encoding="utf-8"))))
    kinds = [row["finding"] for row in rows]
    assert kinds[:3] == ["equal", "equal", "nearly equal"] and "broken pictures" in kinds
    assert {row["detail"] for row in rows if row["finding"] == "warning"} == set(stored["warnings"])
    assert list((tmp_path / "cache" / "pretraining-study" / "pictures").iterdir())
    assert main(["look", str(planted), "--no-cache"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == told.out.splitlines()[0]


@pytest.mark.parametrize("name", ["nowhere", "empty", "text.txt"])
def test_bad_input_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("words")
    assert main(["look", str(tmp_path / name), "--no-cache"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("error: ") and told.err.count("\n") == 1


def test_the_set_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((4, 5, 5), np.uint8), y=[0, 1, 0, 1])
    before = (tmp_path / "a.npz").read_bytes()
    place = str(tmp_path / "a.npz")
    for flags in (["--json", place], ["--csv", place], ["--json", str(tmp_path)]):
        assert main(["look", place, *flags]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "a.npz").read_bytes() == before


def test_digits_of_scikit_learn_with_planted_faults(tmp_path: Path) -> None:
    digits = load_digits()
    images = (digits.images[:600] * 15).astype(np.uint8)
    for number, (image, label) in enumerate(zip(images, digits.target[:600], strict=True)):
        write(tmp_path / str(label) / f"{number:04}.png", Image.fromarray(image))
    plain = _look(tmp_path)
    write(tmp_path / "0" / "again.png", Image.fromarray(images[0]))
    write(tmp_path / "3" / "broken.png", b"\x89PNG\r\n\x1a\n")
    write(tmp_path / "5" / "read me.txt", b"words")
    (tmp_path / "10").mkdir()
    found = _look(tmp_path)
    assert found.images.classes == tuple("0123456789") and not found.mirrored
    assert np.array_equal(plain.counts[0], np.bincount(digits.target[:600]))
    assert found.counts.sum() == 601 and found.exact.groups == plain.exact.groups + 1
    text = " ".join(page(found, 400))
    for name in ("0/again.png", "3/broken.png", "5/read me.txt", "class folders without pictures, 1: 10"):
        assert name in text
    order = np.argsort(digits.target[:600], kind="stable")
    assert np.array_equal(plain.images.parts[0].images[:, :, :, 0], images[order])


@pytest.mark.long
def test_fashion_mnist_as_70000_files_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    arrays = _read(Path("/usr/share/datasets/fashion-mnist"))
    for part in arrays.parts:
        for number, (image, label) in enumerate(zip(part.images, part.labels, strict=True)):
            folder = tmp_path / part.name.value / str(label)
            write(folder / f"{number:05}.png", Image.fromarray(image[:, :, 0]))
    for ours, theirs in zip(_read(tmp_path).parts, arrays.parts, strict=True):
        order = np.argsort(theirs.labels, kind="stable")
        for column in ("images", "labels", "digests"):
            assert np.array_equal(getattr(ours, column), getattr(theirs, column)[order])


def test_the_sample_of_fashion_mnist(tmp_path: Path) -> None:
    found = _look(SAMPLE)
    assert found.exact.groups == 0 and found.counts.sum(1).tolist() == [200, 100]
    assert not found.mirrored and "bare labels" in found.mirror_reason
