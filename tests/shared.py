"""What several tests need and takes long is made once, by whichever of pytest's processes asks first."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from filelock import FileLock

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A folder that all processes of one run of pytest see, each thing in it under a name of its own."""

    root: Path

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """A folder that the first call has `make` fill, and that is to be read only."""
        folder, made = self.root / name, self.root / f"{name}.made"
        with FileLock(self.root / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a call that failed
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    def value(self, name: str, make: Callable[[], T]) -> T:
        """A copy of what `make` returned at the first call; it is kept by pickle."""

        def keep(folder: Path) -> None:
            (folder / "value").write_bytes(pickle.dumps(make()))

        return cast(T, pickle.loads((self.folder(name, keep) / "value").read_bytes()))
