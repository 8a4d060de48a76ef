"""Pre-trained weights: finding torchvision's ImageNet files, and the study's own checkpoints."""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor
from torch.hub import get_dir
from torchvision.models import GoogLeNet_Weights, VGG11_Weights

from study.errors import AlteredWeights, WeightsError
from study.fetching import blocks
from study.spec import ModelName
from study.store.files import write_atomic

IMAGENET = "imagenet1k_v1"
DOWNLOAD_TIMEOUT = 10.0
"""Seconds without an answer."""
DOWNLOAD_LIMIT = 600.0
"""Seconds in all: the timeout alone never ends a slow trickle, and 507 MB are charged to the budget."""
_ENUMS = {
    ModelName.VGG11: VGG11_Weights.IMAGENET1K_V1,
    ModelName.GOOGLENET: GoogLeNet_Weights.IMAGENET1K_V1,
}


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A state in torchvision's names. covers is "network", or "trunk" where fc6/fc7 start fresh.

    channels: 3 for ImageNet files, 1 for the study's own. sha256: of the file.
    """

    source: str
    sha256: str
    state: dict[str, Tensor]
    channels: int
    covers: str
    path: str = ""


def imagenet_file(model: ModelName) -> str:
    """File name of torchvision's weights; it carries the first 8 digits of their SHA-256."""
    return str(_ENUMS[model].url).rsplit("/", 1)[-1]


def find_imagenet(
    model: ModelName, *, weights_dir: Path | None, offline: bool, name: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Weights:  # fmt: skip
    """torchvision's IMAGENET1K_V1 from `weights_dir`, then TORCH_HOME, then by download.

    Args:
        name: another file name of the same form, ``<text>-<8 hex digits>.pth``.
        stop: True ends a download.

    Raises:
        WeightsError: not there and not reachable, or the file is not the published one.
    """
    file = name or imagenet_file(model)
    expected = Path(file).stem.rsplit("-", 1)[-1]
    hub = Path(get_dir()) / "checkpoints"
    folders = [hub] if weights_dir is None else [weights_dir, hub]
    path = next((folder / file for folder in folders if (folder / file).is_file()), None)
    if path is None:
        if offline:
            raise WeightsError(f"{file} is not on this machine, and --offline forbids a download")
        path = hub / file
        download(str(_ENUMS[model].url), path, sha256_prefix=expected, stop=stop)
    digest = file_sha256(path)
    if not digest.startswith(expected):
        raise AlteredWeights(f"{path} is altered: SHA-256 {digest[:8]}…, expected {expected}…")
    return _imagenet(path, digest)


def save_checkpoint(path: Path, state: dict[str, Tensor], meta: dict[str, Any]) -> str:
    """Write tensors and primitives atomically; returns the file's SHA-256."""
    write_atomic(path, lambda stream: torch.save({"state": state, "meta": meta}, stream))
    digest = file_sha256(path)
    write_atomic(path.with_suffix(".sha256"), lambda stream: stream.write(digest.encode()))
    return digest


def load_checkpoint(path: Path) -> tuple[Weights, dict[str, Any]]:
    """A file of `save_checkpoint`, or a bare state in torchvision's names.

    Raises:
        WeightsError: missing, altered (against the .sha256 beside it), or anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"weights file {path} does not exist or is not a file")
    digest = file_sha256(path)
    beside = path.with_suffix(".sha256")
    if beside.is_file() and beside.read_text(encoding="ascii", errors="replace").strip() != digest:
        raise AlteredWeights(f"{path} is altered: its SHA-256 is not the one in {beside.name}")
    content = _read(path)
    meta = content.get("meta", {}) if isinstance(content.get("state"), dict) else {}
    if not isinstance(meta, dict):
        raise WeightsError(f"{path}: its meta is a {type(meta).__name__}, expected a dict")
    state = _tensors(content["state"] if meta or "state" in content else content, path)
    first = next((t for t in state.values() if t.dim() == 4), None)
    if first is None:
        raise WeightsError(f"{path} holds no convolution")
    weights = Weights(
        source=str(meta.get("source", path.name)),
        sha256=digest,
        state=state,
        channels=int(first.shape[1]),
        covers=str(meta.get("covers", "network")),
        path=str(path),
    )
    return weights, dict(meta)


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """Where weights lie, without the weights themselves; see `Weights`."""

    source: str
    sha256: str
    path: str
    channels: int

    @classmethod
    def of(cls, weights: Weights) -> WeightFile:
        return cls(source=weights.source, sha256=weights.sha256, path=weights.path,
                   channels=weights.channels)  # fmt: skip


def reload(path: Path, source: str) -> Weights:
    """Weights that were found before, in another process; `source` as it was found then.

    Raises:
        WeightsError: the file is gone or is not what it was.
    """
    if source != IMAGENET:
        return replace(load_checkpoint(path)[0], source=source)
    return _imagenet(path, file_sha256(path))


def _imagenet(path: Path, digest: str) -> Weights:
    return Weights(source=IMAGENET, sha256=digest, state=_tensors(_read(path), path), channels=3,
                   covers="network", path=str(path))  # fmt: skip


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """weights_only=True: nothing in the file is executed."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                    raise ValueError  # torch never compresses; unpacked it may be of any size
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or hostile file
        raise WeightsError(f"{path} is not a weights file ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected a state dict")
    return content


def _tensors(content: dict[str, Any], path: Path) -> dict[str, Tensor]:
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise WeightsError(f"{path} holds {name!r} which is not a tensor")
        if value.layout is not torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
            raise WeightsError(f"{path} holds {name!r} which is not a tensor of ordinary numbers")
        # A few stored bytes may be stretched over any shape.
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise WeightsError(f"{path}: {name} has the shape {tuple(value.shape)} and fewer numbers")
        if not torch.isfinite(value).all():
            raise WeightsError(f"{path}: {name} holds what is not a number (NaN or infinity)")
    return dict(content)


def download(
    url: str, path: Path, *, sha256_prefix: str, stop: Callable[[], bool] = lambda: False
) -> None:
    """Fetch a file that is put in place only if its hash is right.

    Otherwise a proxy's log-in page would lie in TORCH_HOME under the name of the weights and
    every later run, also of other programs, would stumble over it.

    Args:
        stop: asked at least once a second; True gives the download up.

    Raises:
        WeightsError: not reachable, stopped, slower than DOWNLOAD_LIMIT allows, or not the right file.
    """
    until = time.monotonic() + DOWNLOAD_LIMIT

    def given_up() -> bool:
        return stop() or time.monotonic() > until

    def copy(stream: IO[bytes]) -> None:
        digest = hashlib.sha256()
        for block in blocks(url, timeout=DOWNLOAD_TIMEOUT, stop=given_up):
            stream.write(block)
            digest.update(block)
        if not digest.hexdigest().startswith(sha256_prefix):
            raise WeightsError(f"{path.name}: the download is not the published file")

    try:
        write_atomic(path, copy)
    except WeightsError:
        raise
    except Exception as error:  # name resolution, refused, reset, timeout, full disk …
        raise WeightsError(f"{path.name} cannot be downloaded ({type(error).__name__})") from error
