"""Transfers files between the results directory and a worker that cannot access it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from study.store.files import PART, write_atomic
from study.training.workshop import feature_folder

#: Maps paths relative to the results directory to file contents.
Files = dict[str, bytes]

#: Only files below this folder of the results directory are transferred.
_TRAVELS = "checkpoints"


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Files that a worker wrote and removed since the previous call.

    Attributes:
        written: content by path relative to the results directory.
        removed: such paths.
    """

    written: Files
    removed: tuple[str, ...]

    def apply(self, results: Path) -> None:
        """Applies the changes to the results directory.

        Raises:
            StoreError: a file cannot be written.
            ValueError: a path lies outside the folder that workers may write to.
        """
        for name in (*self.written, *self.removed):
            parts = PurePosixPath(name).parts
            if parts[:1] != (_TRAVELS,) or ".." in parts:
                raise ValueError(f"{name} is no file that a worker leaves")
        for name, content in sorted(self.written.items()):  # writes a checkpoint before its hash
            write_atomic(results / name, lambda stream, content=content: stream.write(content))  # type: ignore[misc]
        for name in self.removed:
            (results / name).unlink(missing_ok=True)


def read_files(results: Path, paths: list[Path]) -> Files:
    """Reads those of `paths` that exist."""
    found: Files = {}
    for path in paths:
        try:
            found[path.relative_to(results).as_posix()] = path.read_bytes()
        except FileNotFoundError:
            continue
    return found


@dataclass(kw_only=True)
class Scratch:
    """A worker's private folder, laid out like a results directory.

    Cached features of frozen backbones stay in it between tasks and are never transferred.
    """

    folder: Path
    _known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def begin(self, files: Mapping[str, bytes]) -> None:
        """Replaces the transferable files in the folder by `files`."""
        for name in self._found():
            (self.folder / name).unlink()
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._known = self._found()

    def changes(self) -> Changes:
        """Returns the changes since the previous call or `begin`. Partially written files are left out."""
        found, written = self._found(), Files()
        for name, state in found.items():
            if self._known.get(name) != state:
                try:
                    written[name] = (self.folder / name).read_bytes()
                except FileNotFoundError:  # a newer checkpoint has replaced it
                    continue
        removed = tuple(name for name in self._known if name not in found)
        self._known = {
            name: state for name, state in found.items() if name in written or name in self._known
        }
        return Changes(written=written, removed=removed)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _found(self) -> dict[str, tuple[int, int]]:
        """Size in bytes and modification time in ns of each transferable file."""
        return dict(self._states())

    def _states(self) -> Iterator[tuple[str, tuple[int, int]]]:
        stays = feature_folder(self.folder)
        for path in (self.folder / _TRAVELS).rglob("*"):
            if path.name.endswith(PART) or stays in path.parents:
                continue
            try:
                known = path.stat()
            except FileNotFoundError:
                continue
            if path.is_file():
                yield path.relative_to(self.folder).as_posix(), (known.st_size, known.st_mtime_ns)
