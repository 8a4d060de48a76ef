"""Decoded pictures are kept by the content of their files; a damaged cache is no error."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from picture_sets import encoded, photo, write, write_classes

from study.data.image_formats import read_images
from study.data.image_set import ImageSet
from study.data.picture import Change
from study.data.picture_cache import PictureCache, cache_folder, file_digest


def _read(place: Path, cache: Path | None) -> ImageSet:
    return read_images(place, cache=cache, tell=lambda line: None)


def _equal(one: ImageSet, other: ImageSet) -> bool:
    pairs = zip(one.parts, other.parts, strict=True)
    return one.changes == other.changes and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in pairs
        for name in ("images", "labels", "digests", "sizes", "grey", "names")
    )


def test_a_second_read_is_equal_and_takes_the_pictures_from_the_cache(tmp_path: Path) -> None:
    folder, cache = write_classes(tmp_path / "set", {"cat": range(3), "dog": range(3, 7)}), tmp_path / "c"
    write(folder / "dog" / "large.jpg", encoded(photo(9, 2400, 1200), "JPEG"))
    first = _read(folder, cache)
    known = PictureCache(cache, folder).known
    assert len(known) == 8
    large = known[file_digest((folder / "dog" / "large.jpg").read_bytes())]
    assert large.size == (2400, 1200) and large.changes is Change.REDUCED
    assert _equal(_read(folder, cache), first) and _equal(_read(folder, None), first)
    # What the cache says is used: a file of it with other pixels changes what is read.
    (file,) = cache.iterdir()
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(file, **{**arrays, "pixels": arrays["pixels"] ^ 255})
    assert np.array_equal(
        _read(folder, cache).parts[0].images[0, 16:48] ^ 255, first.parts[0].images[0, 16:48]
    )


def test_a_changed_picture_is_decoded_anew(tmp_path: Path) -> None:
    folder, cache = write_classes(tmp_path / "set", {"cat": range(3), "dog": range(3, 7)}), tmp_path / "c"
    _read(folder, cache)
    path = folder / "cat" / "1.png"
    before = path.stat()
    write(path, photo(50))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # the time alone tells nothing
    assert _equal(_read(folder, cache), _read(folder, None))
    assert len(PictureCache(cache, folder).known) == 7


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(40)])
def test_a_damaged_cache_is_made_anew(content: bytes, tmp_path: Path) -> None:
    folder, cache = write_classes(tmp_path / "set", {"cat": range(3), "dog": range(3, 7)}), tmp_path / "c"
    first = _read(folder, cache)
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert _equal(_read(folder, cache), first)
    assert len(PictureCache(cache, folder).known) == 7


def test_a_cache_that_does_not_fit_itself_counts_as_none(tmp_path: Path) -> None:
    folder, cache = write_classes(tmp_path / "set", {"cat": range(3), "dog": range(3, 7)}), tmp_path / "c"
    first = _read(folder, cache)
    (file,) = cache.iterdir()
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name in ("pixels", "shapes", "files", "digests", "sizes", "changes"):
        np.savez(file, **{**arrays, name: arrays[name][:-1]})
        assert PictureCache(cache, folder).known == {}, name
    longer, wide = np.append(arrays["pixels"], np.uint8(0)), arrays["pixels"].astype(np.int64)
    for pixels in (longer, wide):
        np.savez(file, **{**arrays, "pixels": pixels})
        assert PictureCache(cache, folder).known == {}
    np.savez(file, **{**arrays, "version": np.array([0, 64])})
    assert PictureCache(cache, folder).known == {}
    assert _equal(_read(folder, cache), first)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "set", {"cat": range(3), "dog": range(3, 7)})
    write(tmp_path / "file", b"")
    told: list[str] = []
    read_images(folder, cache=tmp_path / "file" / "below", tell=told.append)
    assert len(told) == 1 and "not kept" in told[0]


def test_the_folder_follows_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pretraining-study" / "pictures"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "pretraining-study" / "pictures"
