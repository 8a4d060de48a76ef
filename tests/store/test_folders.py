"""A folder is replaced as a whole: killed at any moment, it holds one version, and files of others stay."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest

from study.errors import StoreError
from study.store import folders
from study.store.files import PART, remove_parts
from study.store.folders import replace_folder

NAMES = [f"{number}.csv" for number in range(12)]
OWN = frozenset({*NAMES, "gone.svg"})


def _version(number: int) -> dict[str, bytes]:
    """Files that tell their version, of which every second version lacks the last one."""
    return dict.fromkeys(NAMES[: len(NAMES) - number % 2], b"%d" % number)


def _held(folder: Path) -> set[int]:
    """The versions of the files in the folder; fails where a file of a version is missing."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    versions = {int(content) for content in files.values()}
    for version in versions:
        assert files == _version(version)
    return versions


def _rewrite_for_ever(folder: Path) -> None:
    for number in itertools.count():
        replace_folder(folder, _version(number), own=OWN)


def _await_rewriting(folder: Path, times: int) -> None:
    """Waits until the folder was replaced so many times, however slow the machine is."""
    known = folder.stat().st_ino
    while times:
        if (now := folder.stat().st_ino) != known:
            known, times = now, times - 1
        time.sleep(0.0002)


def _require_swap(place: Path) -> None:
    """Skips the test where the file system cannot swap two names."""
    pair = [place / "a", place / "b"]
    for folder in pair:
        folder.mkdir()
    can = folders._exchange(*pair)
    for folder in pair:
        folder.rmdir()
    if not can:
        pytest.skip("no renameat2 here")


def test_a_kill_leaves_one_whole_version(tmp_path: Path) -> None:
    _require_swap(tmp_path)
    folder, rng = tmp_path / "figures", random.Random(4)
    replace_folder(folder, _version(0), own=OWN)
    seen: set[int] = set()
    for _ in range(25):
        writer = multiprocessing.get_context("fork").Process(target=_rewrite_for_ever, args=(folder,))
        writer.start()
        _await_rewriting(folder, rng.randint(1, 8))
        time.sleep(rng.uniform(0, 0.02))
        writer.kill()
        writer.join()
        held = _held(folder)
        assert len(held) == 1
        seen |= held
    assert len(seen) > 3, "the writers came further than their first version"
    replace_folder(folder, _version(7), own=OWN)
    assert _held(folder) == {7}
    assert [path.name for path in tmp_path.iterdir()] == ["figures"], "nothing is left of killed writers"


def test_a_folder_never_lacks_its_name(tmp_path: Path) -> None:
    _require_swap(tmp_path)
    folder = tmp_path / "figures"
    replace_folder(folder, _version(0), own=OWN)
    writer = multiprocessing.get_context("fork").Process(target=_rewrite_for_ever, args=(folder,))
    writer.start()
    seen: set[int] = set()
    try:
        while len(seen) < 50:
            seen.add(folder.stat().st_mtime_ns)  # it would raise where the name is missing
    finally:
        writer.kill()
        writer.join()


@pytest.mark.parametrize("swaps", [True, False])
def test_own_files_go_and_those_of_others_stay(
    swaps: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on a system that knows no swap, for which a flag that the kernel refuses stands."""
    if not swaps:
        monkeypatch.setattr(folders, "_RENAME_EXCHANGE", 1 << 10)
    folder = tmp_path / "figures"
    (folder / "mine").mkdir(parents=True)
    for name in ("gone.svg", "holiday.png", "mine/notes.txt", f".0.csv.abc{PART}"):
        (folder / name).write_bytes(b"old")
    (folder / "link").symlink_to("holiday.png")
    before = (folder / "holiday.png").stat().st_ino
    replace_folder(folder, {"0.csv": b"new"}, own=OWN)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert names == {"0.csv", "holiday.png", "link", "mine", "mine/notes.txt"}
    assert (folder / "0.csv").read_bytes() == b"new" and (folder / "mine/notes.txt").read_bytes() == b"old"
    assert (folder / "link").is_symlink() and (folder / "holiday.png").stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_a_flag_that_the_kernel_refuses_stands_for_a_system_without_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _require_swap(tmp_path)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    inodes = first.stat().st_ino, second.stat().st_ino
    assert folders._exchange(first, second)
    assert (second.stat().st_ino, first.stat().st_ino) == inodes
    monkeypatch.setattr(folders, "_RENAME_EXCHANGE", 1 << 10)
    assert not folders._exchange(first, second)


def test_what_a_kill_between_two_renames_left_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "holiday.png").write_bytes(b"mine")
    folder.rename(tmp_path / ".figures.before")
    replace_folder(folder, {"0.csv": b"new"}, own=OWN)
    assert {path.name for path in folder.iterdir()} == {"0.csv", "holiday.png"}
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    paper = tmp_path / "paper"
    paper.mkdir()
    (tmp_path / "figures").symlink_to(paper)
    replace_folder(tmp_path / "figures", {"0.csv": b"new"}, own=OWN)
    assert (tmp_path / "figures").is_symlink() and (paper / "0.csv").read_bytes() == b"new"


def test_a_refusal_is_one_line_and_leaves_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    replace_folder(folder, _version(3), own=OWN)
    with pytest.raises(StoreError, match="file name too long"):
        replace_folder(folder, _version(4) | {"x" * 300: b""}, own=OWN)
    assert _held(folder) == {3}
    (tmp_path / "file").write_bytes(b"mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match=r"cannot write .*file"):
            replace_folder(place, _version(4), own=OWN)
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"figures", "file"}


def test_parts_of_killed_writers_are_removed_be_they_folders(tmp_path: Path) -> None:
    (tmp_path / f".figures.abc{PART}").mkdir()
    (tmp_path / f".figures.abc{PART}" / "0.csv").write_bytes(b"1")
    (tmp_path / f".report.pdf.abc{PART}").write_bytes(b"1")
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, tmp_path / f".link{PART}")
    remove_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
