"""A data set is made of anybody's images, kept beside the results, and read from there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_sets import photo, write, write_classes

from study.cli import main
from study.data import load
from study.data.image_formats import read_images
from study.data.own_set import Division, OwnSet, keep, own_set
from study.datasets import DATASETS, DatasetDescriptor, know_own
from study.datasets.own import DESCRIPTOR, FOLDER
from study.errors import DataError, StoreError, UsageError
from study.explain.own_picture import seen_picture
from study.spec import StudySpec
from study.store.ledger import LEDGER, Ledger

pytestmark = pytest.mark.usefixtures("own_sets_forgotten")


def _made(folder: Path, *, flips: bool = True) -> OwnSet:
    return own_set(read_images(folder, cache=None, tell=lambda line: None), flips=flips)


def _counts(labels: torch.Tensor) -> list[int]:
    return labels.bincount().tolist()


def test_an_undivided_set_is_drawn_by_class_and_equal_pictures_stay_together(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(40), "dog": range(40, 60)})
    for copy in range(6):  # seven equal pictures of a cat
        write(tmp_path / "cat" / f"copy {copy}.png", photo(7))
    made = _made(tmp_path)
    images = made.images
    assert made.division is Division.DRAWN and "20% of each class" in " ".join(made.told())
    together = images.test_images, images.train_images
    digests = [{part[n].numpy().tobytes() for n in range(len(part))} for part in together]
    assert not digests[0] & digests[1], "no picture is on both sides"
    assert len(digests[0]) == 12 and _counts(images.test_labels)[1] == 4
    again = _made(tmp_path).images
    assert torch.equal(again.test_images, images.test_images), "the same in every process"


@pytest.mark.parametrize(
    ("parts", "division", "joined", "counts"),
    [
        (("train", "test"), Division.GIVEN, False, ([20, 20], [10, 10])),
        (("train", "val", "test"), Division.GIVEN, True, ([30, 30], [10, 10])),
        (("train", "val"), Division.VALIDATION, False, ([20, 20], [10, 10])),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) and isinstance(value[0], str) else "",
)
def test_parts_are_used_as_they_are_named(
    parts: tuple[str, ...],
    division: Division,
    joined: bool,
    counts: tuple[list[int], list[int]],
    tmp_path: Path,
) -> None:
    sizes, first = {"train": 20, "val": 10, "test": 10}, 0
    for part in parts:
        for name in ("cat", "dog"):
            write_classes(tmp_path / part, {name: range(first, first + sizes[part])})
            first += sizes[part]
    made = _made(tmp_path)
    assert (made.division, made.joined) == (division, joined)
    assert (_counts(made.images.train_labels), _counts(made.images.test_labels)) == counts
    data = made.images.data
    assert data.train_images + data.validation_images == sum(counts[0])
    assert made.facts() == {"division": division.value, "joined": joined}


def test_colours_stay_and_grey_pictures_have_one_channel(tmp_path: Path) -> None:
    write_classes(tmp_path / "colour", {"cat": range(20), "dog": range(20, 40)})
    made = _made(tmp_path / "colour").images
    assert made.data.shape == (64, 64, 3) == tuple(made.train_images.shape[1:])
    pixels = read_images(tmp_path / "colour", cache=None, tell=lambda line: None).parts[0].images[0]
    assert any(np.array_equal(image.numpy(), pixels) for image in (*made.train_images, *made.test_images))
    for number in range(40):
        write(tmp_path / "grey" / str(number % 2) / f"{number}.png", photo(number).convert("L"))
    grey = _made(tmp_path / "grey").images
    assert grey.data.shape == (64, 64) == tuple(grey.train_images.shape[1:]) and not grey.data.on_black


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ({"cat": range(4), "dog": range(4, 9)}, "7 pictures for training and 2 for the test are too few"),
        ({str(n): range(3 * n, 3 * n + 3) for n in range(257)}, "257 classes; a study has at most 256"),
    ],
    ids=["pictures", "classes"],
)
def test_a_set_that_cannot_be_studied_is_refused_in_a_line(
    classes: dict[str, range], told: str, tmp_path: Path
) -> None:
    for name, seeds in classes.items():
        for seed in seeds:
            write(tmp_path / name / f"{seed}.png", photo(seed, 8, 8))
    with pytest.raises(DataError, match=told):
        _made(tmp_path)


def test_a_class_without_training_pictures_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": range(20), "dog": range(20, 40)})
    write_classes(tmp_path / "test", {"cat": range(40, 46), "dog": range(46, 52), "owl": range(52, 58)})
    with pytest.raises(DataError, match="the training part has no pictures of owl"):
        _made(tmp_path)


def test_names_of_classes_can_be_printed_and_told_apart(tmp_path: Path) -> None:
    names = ("x" * 60 + "1", "x" * 60 + "2", "tab\there")
    write_classes(tmp_path, {name: range(20 * n, 20 * n + 20) for n, name in enumerate(names)})
    found = _made(tmp_path).images.data.classes
    assert len(set(found)) == 3 and all(len(name) <= 40 and name.isprintable() for name in found)


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, DatasetDescriptor, OwnSet]:
    """A results directory with an own data set, which this process does not know yet."""
    write_classes(tmp_path / "photos", {"кот": range(20), "dog": range(20, 40)})
    made, results = _made(tmp_path / "photos", flips=False), tmp_path / "results"
    keep(made.images, results)
    return results, DATASETS.pop(made.images.data.name), made


def test_it_is_read_back_from_wherever_the_results_are(
    kept: tuple[Path, DatasetDescriptor, OwnSet],
) -> None:
    results, data, made = kept
    moved = results.rename(results.with_name("moved"))
    assert data.name not in DATASETS
    know_own(moved)
    again = load(DATASETS[data.name], offline=True)
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        assert torch.equal(getattr(again, name), getattr(made.images, name)), name
    assert (again.source, again.sha256) == ("own", data.sha256)
    assert DATASETS[data.name].classes == ("dog", "кот")


def test_a_ledger_knows_the_data_set_of_its_study(kept: tuple[Path, DatasetDescriptor, OwnSet]) -> None:
    results, data, _ = kept
    ledger = Ledger(results / LEDGER)
    ledger.close()
    assert StudySpec(dataset=data.name).data.train_images == 29


def test_results_without_the_pictures_say_what_to_do(
    kept: tuple[Path, DatasetDescriptor, OwnSet],
) -> None:
    results, data, _ = kept
    shutil.rmtree(results / FOLDER)
    know_own(results)
    with pytest.raises(UsageError, match="does not lie in the folder dataset of the results"):
        StudySpec(dataset=data.name)


def test_mirroring_and_content_belong_to_the_name(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": range(20), "dog": range(20, 40)})
    mirrored, plain = (_made(tmp_path, flips=flips).images.data for flips in (True, False))
    assert plain.name == f"{mirrored.name}-unmirrored" and mirrored.name.startswith("own-")
    write(tmp_path / "cat" / "one more.png", photo(99))
    assert _made(tmp_path).images.data.name != mirrored.name


@pytest.mark.parametrize("what", ["cut", "nested", "digest", "side", "count", "name", "pixels"])
def test_a_damaged_data_set_is_refused(what: str, kept: tuple[Path, DatasetDescriptor, OwnSet]) -> None:
    results, data, _ = kept
    path = results / FOLDER / DESCRIPTOR
    if what == "pixels":
        images = results / FOLDER / "train-images-idx3-ubyte"
        content = bytearray(images.read_bytes())
        content[-1] ^= 1
        images.write_bytes(content)
        know_own(results)
        with pytest.raises(DataError, match="are not photos as the study kept them"):
            load(DATASETS[data.name], offline=True)
        return
    text = path.read_text(encoding="utf-8")
    changed = {
        "cut": text[:-9],
        "nested": '{"x":' + 100_000 * "[",
        "digest": text.replace(data.sha256, "../x"),
        "count": text.replace('"train_images": ', '"train_images": 9000000'),
        "side": text.replace('"side": 64', '"side": 1'),
        "name": text.replace("dog", "dog\\u001b[2J"),
    }
    path.write_text(changed[what], encoding="utf-8")
    with pytest.raises(StoreError, match=r"dataset\.json is damaged"):
        know_own(results)


def test_a_handed_in_descriptor_names_no_reader(kept: tuple[Path, DatasetDescriptor, OwnSet]) -> None:
    """A reader is a function of any module; the file must not choose one."""
    results, data, _ = kept
    path = results / FOLDER / DESCRIPTOR
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{", '{"reader": "os:system", "source": "x",', 1), encoding="utf-8")
    know_own(results)
    assert DATASETS[data.name].reader == data.reader and not DATASETS[data.name].source


def test_a_picture_is_seen_as_it_was_in_training(
    kept: tuple[Path, DatasetDescriptor, OwnSet], tmp_path: Path
) -> None:
    _, data, made = kept
    paths = sorted((tmp_path / "photos").rglob("*.png"))
    seen = {seen_picture(data, path).views.numpy().tobytes() for path in paths}
    together = (*made.images.train_images, *made.images.test_images)
    assert seen == {image[None].numpy().tobytes() for image in together}


@pytest.mark.parametrize("flags", [("--dataset", "fashion-mnist"), ("--data-dir", "x")], ids=lambda f: f[0])
def test_one_data_set_is_named_once(
    flags: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write_classes(tmp_path / "photos", {"a": range(20), "b": range(20, 40)}))
    places = ["--results-dir", str(tmp_path / "r"), "--report-dir", str(tmp_path / "o")]
    assert main(["--data", folder, *flags, *places]) == 2
    assert "leave out --dataset and --data-dir" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()
