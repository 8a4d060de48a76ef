"""Stores unfinished runs in files that are written atomically and checked by SHA-256."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from study.errors import WeightsError
from study.models.weights import file_sha256
from study.store.files import write_atomic, write_text

#: Version of the file format; it changes whenever older files would be misread.
FORM = 2
#: Seconds between two checkpoints of a run if writing takes at most CHEAP seconds; slower ones are rarer.
EVERY = 60.0
CHEAP = 0.6
KEPT = 2

_NAME = re.compile(r"(?P<cut_off>\.)?(?P<run_id>[a-z0-9-]+)\.\d{9}\.pt(\.sha256)?(?(cut_off)\.\w+\.part)")


def unfinished(results: Path) -> Path:
    """Returns the folder of checkpoints in a results directory."""
    return results / "checkpoints" / "unfinished"


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The last two checkpoints of one run, ``RUN_ID.SAMPLES.pt``, each with a file that holds its hash.

    Attributes:
        folder: of the files.
        run_id: of the run.
        every: seconds between two checkpoints, see `EVERY`.
    """

    folder: Path
    run_id: str
    every: float = EVERY

    def samples_seen(self, at_most: int | None = None) -> int:
        """Returns the samples of the newest checkpoint with at most `at_most` samples; 0 without one."""
        reached = map(_samples, self._paths())
        return max((seen for seen in reached if at_most is None or seen <= at_most), default=0)

    def save(self, samples_seen: int, state: dict[str, Any]) -> None:
        """Writes a state of tensors and primitives; removes all older checkpoints but the previous one."""
        path = self.folder / f"{self.run_id}.{samples_seen:09d}.pt"
        digest = hashlib.sha256()
        content = {"form": FORM, "run_id": self.run_id, **state}
        write_atomic(path, lambda stream: torch.save(content, _Hashed(stream, digest.update)))  # type: ignore[arg-type]
        write_text(_beside(path), f"{digest.hexdigest()}  {path.name}\n")
        # A checkpoint with more samples than the run cannot be used.
        reached = [other for other in self._paths() if _samples(other) <= samples_seen]
        for other in set(self._paths()) - set(reached[:KEPT]):
            _remove(other)

    def load(self, at_most: int | None = None) -> tuple[dict[str, Any] | None, list[str]]:
        """Returns the newest usable state of at most `at_most` samples, and why newer ones are unusable."""
        unusable: list[str] = []
        for path in self._paths():
            if at_most is not None and _samples(path) > at_most:
                continue
            try:
                return _read(path, self.run_id), unusable
            except WeightsError as error:
                unusable.append(f"{path.name}: {error}")
        return None, unusable

    def remove(self, keep: int = 0) -> None:
        """Removes all but the newest `keep` checkpoints."""
        for path in self._paths()[keep:]:
            _remove(path)

    def files(self) -> list[Path]:
        """Returns all files, hashes included."""
        return [path for kept in self._paths() for path in (kept, _beside(kept))]

    def size(self) -> int:
        """Returns the size of the checkpoints in bytes."""
        return sum(path.stat().st_size for path in self._paths())

    def _paths(self) -> list[Path]:
        """Returns the checkpoints, the newest first."""
        found = self.folder.glob(f"{self.run_id}.*.pt")
        return sorted((path for path in found if _NAME.fullmatch(path.name)), reverse=True)


def trunk(results: Path, run_id: str, every: float = EVERY) -> Checkpoints:
    """Returns the checkpoints of the trunk of a training."""
    return Checkpoints(folder=unfinished(results), run_id=run_id, every=every)


def cooldown(results: Path, run_id: str, rung: int, every: float = EVERY) -> Checkpoints:
    """Returns the checkpoints of the copy that cools down for a rung."""
    return Checkpoints(folder=unfinished(results), run_id=f"{run_id}-c{rung}", every=every)


def sweep(folder: Path, done: Callable[[str], bool] = lambda run_id: False) -> None:
    """Removes partial files, hashes without a checkpoint, and checkpoints of runs that are done.

    Args:
        folder: see `unfinished`; it need not exist.
        done: returns whether the run with a run_id needs no checkpoint any more.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        name = _NAME.fullmatch(path.name)
        if name is not None and (name["cut_off"] or _is_widow(path) or done(name["run_id"])):
            path.unlink()


def trim(folder: Path, most: float) -> None:
    """Removes the oldest checkpoints until the rest takes at most `most` bytes.

    A training without checkpoints starts anew when it continues.
    """
    files = sorted(
        (path for path in folder.glob("*.pt") if _NAME.fullmatch(path.name)),
        key=lambda path: path.stat().st_mtime,
    )
    taken = sum(path.stat().st_size for path in files)
    for path in files:
        if taken <= most:
            return
        taken -= path.stat().st_size
        _remove(path)


def _is_widow(path: Path) -> bool:
    return path.suffix == ".sha256" and not path.with_suffix("").exists()


class _Hashed:
    """A stream that hashes the data written through it, before the disk can change them."""

    def __init__(self, stream: IO[bytes], update: Callable[[Any], None]) -> None:
        self._stream, self._update = stream, update

    def write(self, data: Any) -> int:
        self._update(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()


def _read(path: Path, run_id: str) -> dict[str, Any]:
    """Reads a checkpoint with weights_only=True, so that nothing in the file is executed.

    Raises:
        WeightsError: the file is damaged, or belongs to another run.
    """
    try:
        promised = _beside(path).read_text(encoding="ascii").split()
        whole = promised == [file_sha256(path), path.name]
        state = torch.load(path, map_location="cpu", weights_only=True) if whole else None
    except Exception as error:  # torch raises many types for a damaged or hostile file
        raise WeightsError(f"it cannot be read ({type(error).__name__})") from error
    if not whole:
        raise WeightsError("its SHA-256 is not the one beside it")
    if not isinstance(state, dict) or (state.get("form"), state.get("run_id")) != (FORM, run_id):
        raise WeightsError("it is of another run or of another version")
    return state


def _samples(path: Path) -> int:
    return int(path.name.rsplit(".", 2)[1])


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)
