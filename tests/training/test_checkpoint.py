"""The files of unfinished runs: two are kept, no damaged one is ever used, nothing in them is executed."""

from __future__ import annotations

import os
import pickle
import random
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from study.errors import StoreError
from study.models.weights import file_sha256
from study.training.checkpoint import FORM, Checkpoints, sweep, trim

RUN = "googlenet-scratch-full-uniform-t0-0123abcd"


@pytest.fixture
def kept(tmp_path: Path) -> Checkpoints:
    """Of 64 and of 96 samples."""
    kept = Checkpoints(folder=tmp_path / "u", run_id=RUN)
    for samples in (32, 64, 96):
        kept.save(samples, {"samples_seen": samples, "weight": torch.arange(500.0) + samples})
    return kept


def _newest(kept: Checkpoints) -> Path:
    return kept.folder / f"{RUN}.000000096.pt"


def _assert_the_one_before_is_used(kept: Checkpoints) -> None:
    state, unusable = kept.load()
    assert state is not None and state["samples_seen"] == 64
    assert torch.equal(state["weight"], torch.arange(500.0) + 64)
    assert len(unusable) == 1 and unusable[0].startswith(_newest(kept).name)


def test_the_last_two_are_kept_and_the_newest_is_used(kept: Checkpoints) -> None:
    assert sorted(path.name for path in kept.folder.iterdir()) == [
        f"{RUN}.{samples}.pt{end}" for samples in ("000000064", "000000096") for end in ("", ".sha256")
    ]
    state, unusable = kept.load()
    assert state is not None and (state["samples_seen"], unusable) == (96, [])
    assert kept.samples_seen() == 96
    kept.remove()
    assert not list(kept.folder.iterdir()) and kept.load() == (None, []) and not kept.samples_seen()


def test_every_truncation_is_found(kept: Checkpoints) -> None:
    path = _newest(kept)
    whole = path.read_bytes()
    for k in range(50):
        path.write_bytes(whole[: len(whole) * k // 50])
        _assert_the_one_before_is_used(kept)


def test_every_flipped_bit_is_found(kept: Checkpoints) -> None:
    path, draw = _newest(kept), random.Random(4)
    whole = path.read_bytes()
    for _ in range(50):
        damaged = bytearray(whole)
        damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        _assert_the_one_before_is_used(kept)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.with_name(path.name + ".sha256").unlink(),
        lambda path: path.with_name(path.name + ".sha256").write_bytes(b"\xff\xfe"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_checkpoint_without_its_hash_is_not_used(
    kept: Checkpoints, harm: Callable[[Path], object]
) -> None:
    harm(_newest(kept))
    _assert_the_one_before_is_used(kept)


def test_another_runs_checkpoint_is_not_used(kept: Checkpoints, tmp_path: Path) -> None:
    other = Checkpoints(folder=kept.folder, run_id=f"{RUN[:-1]}e")
    for samples in (64, 96):
        path = kept.folder / f"{other.run_id}.{samples:09d}.pt"
        path.write_bytes((kept.folder / f"{RUN}.{samples:09d}.pt").read_bytes())
        path.with_name(f"{path.name}.sha256").write_text(f"{file_sha256(path)}  {path.name}\n")
    state, unusable = other.load()
    assert state is None and len(unusable) == 2


class _Hostile:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize(
    "dump",
    [
        lambda content, path: torch.save(content, path),
        lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2)),
        lambda content, path: path.write_bytes(b""),
    ],
)
def test_nothing_in_a_checkpoint_is_executed(
    kept: Checkpoints, tmp_path: Path, dump: Callable[[object, Path], object]
) -> None:
    """With a right hash beside it."""
    path = _newest(kept)
    dump({"form": FORM, "run_id": RUN, "weight": _Hostile(tmp_path / "made")}, path)
    path.with_name(f"{path.name}.sha256").write_text(f"{file_sha256(path)}  {path.name}\n")
    _assert_the_one_before_is_used(kept)
    assert not (tmp_path / "made").exists()


def test_a_run_that_fell_back_forgets_what_lies_ahead(kept: Checkpoints) -> None:
    _newest(kept).write_bytes(b"")
    kept.save(80, {"samples_seen": 80})
    assert {path.name.split(".")[1] for path in kept.folder.iterdir()} == {"000000064", "000000080"}


def test_a_full_disk_leaves_the_earlier_checkpoint(kept: Checkpoints) -> None:
    """The limit on a file's size stands for the disk: the write fails half-way."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(StoreError, match="file too large"):
            kept.save(128, {"samples_seen": 128, "weight": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    state, unusable = kept.load()
    assert state is not None and (state["samples_seen"], unusable) == (96, [])
    assert len(list(kept.folder.iterdir())) == 4


def test_what_a_killed_study_left_is_swept(kept: Checkpoints) -> None:
    part = kept.folder / f".{RUN}.000000128.pt.ab_12xyz.part"
    own = kept.folder / "notes.txt"
    for path in (part, own):
        path.write_text("x")
    sweep(kept.folder, lambda run_id: False)
    assert not part.exists() and kept.samples_seen() == 96
    sweep(kept.folder, lambda run_id: run_id == RUN)
    assert list(kept.folder.iterdir()) == [own]
    sweep(kept.folder / "absent", lambda run_id: True)


def test_one_that_lies_ahead_of_a_place_is_passed_over(kept: Checkpoints) -> None:
    assert [kept.samples_seen(at_most=most) for most in (63, 64, 95, 96, 97)] == [0, 64, 64, 96, 96]
    state, unusable = kept.load(at_most=95)
    assert state is not None and (state["samples_seen"], unusable) == (64, [])
    assert kept.load(at_most=63) == (None, [])
    _newest(kept).write_bytes(b"")  # nor is it looked into
    assert kept.load(at_most=95)[1] == []


def test_all_but_the_newest_may_go(kept: Checkpoints) -> None:
    size = kept.size()
    kept.remove(keep=1)
    assert [path.name for path in kept.folder.glob("*.pt")] == [_newest(kept).name]
    assert 0 < kept.size() < size


def test_the_oldest_go_where_a_disk_is_lent_so_much(kept: Checkpoints) -> None:
    other = Checkpoints(folder=kept.folder, run_id=f"{RUN}-c128")
    other.save(112, {"samples_seen": 112, "weight": torch.zeros(500)})
    mine = kept.folder / "notes.txt"
    mine.write_text("x" * 100_000)
    files = [*sorted(kept.folder.glob(f"{RUN}.*.pt")), *kept.folder.glob(f"{RUN}-c128.*.pt")]
    for age, path in enumerate(files):
        os.utime(path, (1_000 + age, 1_000 + age))
    sizes = [path.stat().st_size for path in files]
    for left in range(len(files), -1, -1):
        trim(kept.folder, sum(sizes[len(files) - left :]))
        there = [path for path in files if path.exists()]
        assert there == files[len(files) - left :]
        assert all(path.with_name(f"{path.name}.sha256").exists() == path.exists() for path in files)
    assert mine.exists()
    trim(kept.folder / "absent", 0)
