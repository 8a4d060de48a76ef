"""Sets are found in every place a person would put them, and hostile archives are refused."""

from __future__ import annotations

import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from study.data import LabelledImages, Part, content_sha256, load
from study.data.download import download
from study.datasets import FASHION_MNIST
from study.errors import DataError


def _link(folder: Path, *, skip: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in Path(FASHION_MNIST.files.folder).glob("*.gz"):
        if path.name != skip:
            (folder / path.name).symlink_to(path)


@pytest.mark.parametrize("below", [".", "archive", "FashionMNIST/raw"])
def test_idx_files_are_found_in_the_folder_and_below(tmp_path: Path, below: str) -> None:
    _link(tmp_path / below)
    found = load(FASHION_MNIST, tmp_path)
    assert (found.source, found.sha256) == ("data-dir:idx", FASHION_MNIST.sha256)


def test_kaggles_archive_of_idx_files_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for path in Path(FASHION_MNIST.files.folder).glob("*.gz"):
            archive.writestr(path.stem, gzip.decompress(path.read_bytes()))
    assert load(FASHION_MNIST, tmp_path).sha256 == FASHION_MNIST.sha256


def test_an_incomplete_set_is_no_set(tmp_path: Path) -> None:
    _link(tmp_path, skip="t10k-labels-idx1-ubyte.gz")
    with pytest.raises(DataError, match="no FashionMNIST files"):
        load(FASHION_MNIST, tmp_path)


def test_swapped_labels_are_noticed_and_the_part_is_named(tmp_path: Path) -> None:
    name = "t10k-labels-idx1-ubyte.gz"
    _link(tmp_path, skip=name)
    content = bytearray(gzip.decompress((Path(FASHION_MNIST.files.folder) / name).read_bytes()))
    content[8], content[9] = content[9], content[8]
    (tmp_path / name).write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(DataError, match=r"t10k-images.*not FashionMNIST as published") as caught:
        load(FASHION_MNIST, tmp_path)
    assert "train-images" not in str(caught.value)


def _encrypted(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for stem in ("fashion-mnist_train", "fashion-mnist_test"):
            archive.writestr(f"{stem}.csv", "label\n1\n")
    content = bytearray(path.read_bytes())
    for mark, flag in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = content.find(mark)
        while at >= 0:
            content[at + flag] |= 1
            at = content.find(mark, at + 1)
    path.write_bytes(content)


def _bzip2(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for stem in ("fashion-mnist_train", "fashion-mnist_test"):
            archive.writestr(f"{stem}.csv", "label\n1\n")


def _many(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30_000):
            archive.writestr(f"{number}", b"")


def _climbing(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../fashion-mnist_train.csv", "label\n1\n")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_encrypted, "encrypted"),
        (_bzip2, "compressed in a way"),
        (_many, "too many files"),
        (_climbing, "not Kaggle's archive"),
        (lambda path: path.write_bytes(b""), "not a zip archive"),
        (lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)), "not Kaggle's archive"),
    ],
)
def test_hostile_archives_are_one_clear_error(tmp_path: Path, make, says: str) -> None:
    make(tmp_path / "archive.zip")
    with pytest.raises(DataError, match=says):
        load(FASHION_MNIST, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["archive.zip"]


def test_odd_paths_are_one_clear_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / ("x" * 300), tmp_path / "nul\0byte", tmp_path / "pipe"):
        with pytest.raises(DataError, match="does not exist or is not a directory"):
            load(FASHION_MNIST, path)


def test_the_hash_ignores_order_and_nothing_else(sample: dict[str, Part]) -> None:
    part = sample["train"]
    order = np.random.default_rng(0).permutation(len(part.labels))
    shuffled = Part(images=part.images[order], labels=part.labels[order], name="")
    torn = Part(images=part.images[order], labels=part.labels, name="")
    assert content_sha256(shuffled) == content_sha256(part) != content_sha256(torn)


def test_the_installed_set_comes_first_and_says_so(fashion: LabelledImages) -> None:
    assert fashion.source == "debian"


def test_an_unreachable_mirror_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist"):
        download(tmp_path, FASHION_MNIST)
    assert not list(tmp_path.rglob("*.gz"))


def _archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in Path(FASHION_MNIST.files.folder).glob("*.gz"):
            archive.write(file, file.name)
    return path


@pytest.mark.parametrize(
    "name", ["archive (1).zip", "archive(2).zip", "ARCHIVE.ZIP", "fashion-mnist.zip", "датасет — копия.zip"]
)
def test_an_archive_is_found_under_the_name_that_it_was_saved_with(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a holiday.zip", "w") as other:
        other.writestr("beach.jpg", b"x")
    (tmp_path / "below").mkdir()
    _archive(tmp_path / "below" / name)
    assert load(FASHION_MNIST, tmp_path).sha256 == FASHION_MNIST.sha256


def test_a_second_download_is_taken_where_the_first_was_cut_off(tmp_path: Path) -> None:
    whole = _archive(tmp_path / "archive (1).zip").read_bytes()
    (tmp_path / "archive.zip").write_bytes(whole[: len(whole) // 2])
    assert load(FASHION_MNIST, tmp_path).sha256 == FASHION_MNIST.sha256
    (tmp_path / "archive (1).zip").unlink()
    with pytest.raises(DataError, match=r"archive\.zip: not a zip archive, or a truncated one"):
        load(FASHION_MNIST, tmp_path)


def test_other_archives_are_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "holiday.zip").write_bytes(b"not a zip")
    with pytest.raises(DataError, match="no FashionMNIST files"):
        load(FASHION_MNIST, tmp_path)


def test_the_archive_itself_or_a_file_of_the_set_may_be_named(tmp_path: Path) -> None:
    assert load(FASHION_MNIST, _archive(tmp_path / "any name.zip")).sha256 == FASHION_MNIST.sha256
    _link(tmp_path / "set")
    assert (
        load(FASHION_MNIST, tmp_path / "set" / "train-images-idx3-ubyte.gz").sha256 == FASHION_MNIST.sha256
    )
    (tmp_path / "notes.txt").write_text("x" * 100)
    with pytest.raises(DataError, match=r"notes\.txt: not a zip archive"):
        load(FASHION_MNIST, tmp_path / "notes.txt")
