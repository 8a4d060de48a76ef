"""Makes slow inputs of tests once, in whichever process of pytest asks first."""

from __future__ import annotations

import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from filelock import FileLock

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A folder that all processes of one run of pytest share.

    Attributes:
        root: the folder; each of its entries has a unique name.
    """

    root: Path

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """Returns a folder, which the first call has `make` fill; it must not be changed."""
        folder, made = self.root / name, self.root / f"{name}.made"
        with FileLock(self.root / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # a failed call may have left it
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    def value(self, name: str, make: Callable[[], T]) -> T:
        """Returns a copy of what `make` returned at the first call; it is stored by pickle."""

        def keep(folder: Path) -> None:
            (folder / "value").write_bytes(pickle.dumps(make()))

        return cast(T, pickle.loads((self.folder(name, keep) / "value").read_bytes()))


def minute_command(folder: Path) -> list[str]:
    """Returns the command of a small study with results in `r` and report in `o` of the folder."""
    return [
        sys.executable,
        "run_study.py",
        "--models",
        "googlenet",
        "--offline",
        "--workers",
        "2",
        "--results-dir",
        str(folder / "r"),
        "--report-dir",
        str(folder / "o"),
    ]
