"""Makes folders of data files that are not FashionMNIST, and runs the real command on them."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from study.datasets import FASHION_MNIST

ROOT = Path(__file__).parents[2]
LABELS, IMAGES = "train-labels-idx1-ubyte", "train-images-idx3-ubyte"
BOMB_MEGABYTES = 20_000


def _labels(
    count: int = FASHION_MNIST.labelled_images,
    magic: int = 2049,
    told: int = FASHION_MNIST.labelled_images,
    value: int = 1,
) -> bytes:
    """Returns `count` labels that are all `value`, with a header that announces `told`."""
    return struct.pack(">2I", magic, told) + bytes([value]) * count


def _bomb() -> bytes:
    """Returns a gzip stream of 20 GB made of one small block, which a full flush makes repeatable."""
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(_labels(0)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer.compress(bytes(1 << 20))
    packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * BOMB_MEGABYTES


def _flipped() -> bytes:
    content = bytearray(gzip.decompress((Path(FASHION_MNIST.files.folder) / f"{IMAGES}.gz").read_bytes()))
    content[1_000_000] ^= 1
    return bytes(content)


def _real(name: str) -> bytes:
    return (Path(FASHION_MNIST.files.folder) / f"{name}.gz").read_bytes()


#: Name and content of the wrong file of each kind.
FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": (LABELS, lambda: b""),
    "truncated": (f"{LABELS}.gz", lambda: _real(LABELS)[:10_000]),
    "wrong magic": (LABELS, lambda: _labels(magic=2050)),
    "huge dimensions": (LABELS, lambda: _labels(told=2**31 - 1)),
    "count mismatch": (LABELS, lambda: _labels(count=FASHION_MNIST.labelled_images - 1)),
    "label 255": (LABELS, lambda: _labels(value=255)),
    "gzip bomb": (LABELS, _bomb),
    "bit flip": (IMAGES, _flipped),
}
#: Functions that create something else than a file, by kind.
PLACES: dict[str, Callable[[Path], object]] = {
    "directory": Path.mkdir,
    "named pipe": os.mkfifo,
    "loop of links": lambda path: path.symlink_to(path),
}
KINDS = (*FILES, *PLACES)


@dataclass(frozen=True, kw_only=True)
class Told:
    """The outcome of a command.

    Attributes:
        code: exit code.
        errors: text on stderr.
        seconds: wall time.
        peak_mb: peak resident memory in MB.
    """

    code: int
    errors: str
    seconds: float
    peak_mb: float


def make_folder(kind: str, folder: Path) -> Path:
    """Makes a folder of real files, one of which is replaced, and returns it."""
    folder.mkdir(parents=True)
    name = FILES[kind][0] if kind in FILES else LABELS
    for path in Path(FASHION_MNIST.files.folder).glob("*.gz"):
        if path.stem != name.removesuffix(".gz"):
            (folder / path.name).symlink_to(path)
    if kind in FILES:
        (folder / name).write_bytes(FILES[kind][1]())
    else:
        PLACES[kind](folder / name)
    return folder


def command(arguments: list[str], folder: Path, seconds: float = 120) -> Told:
    """Runs ``python run_study.py`` with these arguments and measures its time and memory.

    A small process starts it, because the peak memory of a process includes that of the process it was
    forked from.
    """
    wanted = [sys.executable, str(ROOT / "run_study.py"), *arguments]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, *wanted],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds,
    )
    found = json.loads(done.stdout)
    return Told(
        code=found["code"],
        errors=found["errors"],
        seconds=time.perf_counter() - began,
        peak_mb=found["peak"] / 1024,
    )


_WATCH = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"code": done.returncode, "errors": done.stderr, "peak": peak}))
"""


def refused(kind: str, folder: Path) -> Told:
    """Runs the study on a folder of bad data of this kind."""
    data = make_folder(kind, folder / "data")
    return command(["--data-dir", str(data), "--budget", "1m", "--device", "cpu", "--offline"], folder)
