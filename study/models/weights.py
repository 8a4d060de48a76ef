"""Finds torchvision's ImageNet weights, and saves and loads the study's own checkpoints."""

from __future__ import annotations

import hashlib
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor
from torch.hub import get_dir
from torchvision.models import get_model_weights

from study.errors import AlteredWeights, WeightsError
from study.networks import NETWORKS, ModelName
from study.store.files import write_atomic
from study.system.http import blocks

IMAGENET = "imagenet1k_v1"
DOWNLOAD_TIMEOUT = 10.0
"""Seconds to wait for an answer from the server."""
DOWNLOAD_LIMIT = 600.0
"""Maximum seconds of a whole download, which count against the budget.

The timeout alone never ends a slow but steady transfer, and VGG11's file has 507 MB.
"""
#: Keys under which training programs keep a network's state dict, and what may lie beside it.
_KEYS = ("state_dict", "model_state_dict", "model", "model_state", "network", "net", "state")
_OPTIMIZERS = ("optimizer", "optimizer_state_dict", "optimizers", "scheduler", "lr_scheduler", "scaler")
#: Prefixes of all names: DataParallel's, torch.compile's, and of networks inside another module.
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Pre-trained weights and their origin.

    Attributes:
        source: ``imagenet1k_v1``, ``fractal``, or a checkpoint's name.
        sha256: of the file.
        state: tensors by torchvision's names, on the CPU.
        channels: input channels of the first convolution.
        adapted: whether the first convolution takes the study's input, (g − 0.5)/0.5, and not ImageNet's,
            as in files that a study has written.
        covers: ``network``, or ``trunk`` if fc6 and fc7 are missing and start from random values.
        path: of the file; empty if there is none.
        unwrapped: what was removed around the tensors of the user's file; empty if nothing was.
    """

    source: str
    sha256: str
    state: dict[str, Tensor]
    channels: int
    covers: str
    path: str = ""
    unwrapped: tuple[str, ...] = ()
    adapted: bool = False


def imagenet_url(model: ModelName) -> str:
    """Returns the address of torchvision's file, whose name has the first 8 hex digits of its SHA-256."""
    return str(get_model_weights(NETWORKS[model].builder)["IMAGENET1K_V1"].url)


def find_imagenet(
    model: ModelName,
    *,
    weights_dir: Path | None,
    offline: bool,
    name: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Weights:
    """Finds IMAGENET1K_V1 weights in `weights_dir` or in torch.hub's folder, or else downloads them.

    A download goes to torch.hub's folder, which depends on the environment variable TORCH_HOME.

    Args:
        model: the network.
        weights_dir: folder that is searched first; None for torch.hub's folder only.
        offline: whether a download is forbidden.
        name: another file name of the form ``<text>-<8 hex digits>.pth``; None for torchvision's.
        stop: is called during a download; True ends it.

    Raises:
        WeightsError: the file is neither on this machine nor available by download, or it is unusable.
        AlteredWeights: the file's SHA-256 does not begin with the digits in its name.
    """
    file = name or NETWORKS[model].weights_file
    expected = Path(file).stem.rsplit("-", 1)[-1]
    hub = Path(get_dir()) / "checkpoints"
    folders = [hub] if weights_dir is None else [weights_dir, hub]
    path = next((folder / file for folder in folders if (folder / file).is_file()), None)
    if path is None:
        if offline:
            raise WeightsError(f"{file} is not on this machine, and --offline forbids a download")
        path = hub / file
        download(imagenet_url(model), path, sha256_prefix=expected, stop=stop)
    digest = file_sha256(path)
    if not digest.startswith(expected):
        raise AlteredWeights(f"{path} is altered: SHA-256 {digest[:8]}…, expected {expected}…")
    return _imagenet(path, digest)


def save_checkpoint(path: Path, state: dict[str, Tensor], meta: dict[str, Any]) -> str:
    """Writes a checkpoint, and its SHA-256 to a file beside it, each atomically.

    Args:
        path: of the checkpoint; the SHA-256 goes to the same name with the suffix ``.sha256``.
        state: tensors by name.
        meta: values of primitive types, lists and dicts.

    Returns:
        The SHA-256 of the checkpoint as hex digits.

    Raises:
        StoreError: a file cannot be written.
    """
    write_atomic(path, lambda stream: torch.save({"state": state, "meta": meta}, stream))
    digest = file_sha256(path)
    write_atomic(path.with_suffix(".sha256"), lambda stream: stream.write(digest.encode()))
    return digest


def load_checkpoint(path: Path) -> tuple[Weights, dict[str, Any]]:
    """Loads a checkpoint of `save_checkpoint`, or a state dict with torchvision's names.

    A state dict may lie under a usual key (``state_dict``, ``model``) beside an optimizer's state, and all
    its names may have a usual prefix (``module.`` of DataParallel, ``_orig_mod.`` of torch.compile).

    Returns:
        The weights and the checkpoint's `meta`, which is empty for a file of another program.

    Raises:
        WeightsError: the file is missing, holds anything but tensors, or holds no convolution.
        AlteredWeights: the file's SHA-256 differs from the one in the .sha256 file beside it.
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
    inner, removed = _unwrapped(content, path)
    state = _tensors(inner, path)
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
        unwrapped=removed,
        adapted="resolution" in meta or "recipe" in meta,
    )
    return weights, dict(meta)


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """Identifies a file of weights without loading it; see `Weights`.

    Attributes:
        source: as in `Weights`.
        sha256: of the file.
        path: of the file.
        channels: input channels of the first convolution.
    """

    source: str
    sha256: str
    path: str
    channels: int

    @classmethod
    def of(cls, weights: Weights) -> WeightFile:
        """Returns the description of loaded weights."""
        return cls(
            source=weights.source, sha256=weights.sha256, path=weights.path, channels=weights.channels
        )


def reload(path: Path, source: str) -> Weights:
    """Loads weights that another process has found.

    Args:
        path: of the file.
        source: the source under which the weights were found.

    Raises:
        WeightsError: the file is missing or damaged, or a checkpoint is altered.
    """
    if not path.is_file():
        raise WeightsError(f"weights file {path} is gone")
    if source != IMAGENET:
        return replace(load_checkpoint(path)[0], source=source)
    return _imagenet(path, file_sha256(path))


def _imagenet(path: Path, digest: str) -> Weights:
    return Weights(
        source=IMAGENET,
        sha256=digest,
        state=_tensors(_read(path), path),
        channels=3,
        covers="network",
        path=str(path),
    )


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """Loads the dict in a file; weights_only=True ensures that no code in the file is executed."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                    raise ValueError  # torch never compresses; a compressed file may unpack to any size
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types of errors for a damaged or hostile file
        raise WeightsError(f"{path} is not a weights file{_instead(path, error)}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected a state dict")
    return content


def _instead(path: Path, error: Exception) -> str:
    """Returns what a file that cannot be loaded is instead, and what to do."""
    with path.open("rb") as stream:
        start = stream.read(512)
    text = start.lstrip().lower()
    if not start:
        return ": it is empty"
    if start.startswith(b"version https://git-lfs"):
        return " but a pointer of Git LFS; fetch the file itself by `git lfs pull`"
    if text.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return " but a web page, perhaps one that asks for a login; download the file again"
    if start.startswith(b"PK\x03\x04") and not zipfile.is_zipfile(path):
        return ": its end is missing; download or copy it again"
    if path.suffix == ".safetensors":
        return " of PyTorch but of safetensors; load it there and torch.save() the dict"
    if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return (
            f": it holds a whole object ({found[1][:60]}), which could run code; "
            "torch.save() the model's state_dict() instead"
        )
    return f" ({type(error).__name__})"


def _unwrapped(content: dict[str, Any], path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Returns the state dict inside a checkpoint, and what was removed around it.

    Raises:
        WeightsError: several state dicts come into question.
    """
    if isinstance(content.get("state"), dict) and set(content) <= {"state", "meta"}:  # our own
        return content["state"], ()
    removed: list[str] = []
    inner = {
        str(name): value
        for name, value in content.items()
        if isinstance(value, dict) and any(isinstance(each, Tensor) for each in value.values())
    }
    if not any(isinstance(value, Tensor) for value in content.values()) and inner:
        known = [name for name in _KEYS if name in inner]
        if len(known) != 1 or any(name not in known and name not in _OPTIMIZERS for name in inner):
            names = ", ".join(inner)[:100]
            raise WeightsError(f"{path} holds several state dicts: {names}; save one of them alone")
        removed.append(f"key {known[0]!r}")
        content = inner[known[0]]
    while prefix := next((p for p in _PREFIXES if all(str(name).startswith(p) for name in content)), ""):
        if not content:
            break
        removed.append(f"prefix {prefix!r}")
        content = {str(name)[len(prefix) :]: value for name, value in content.items()}
    return content, tuple(removed)


def _tensors(content: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """Returns the content after checking that it consists of dense tensors of finite numbers."""
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsError(f"{path} holds {str(name)[:80]!r} which is not a tensor with a name")
        if value.layout is not torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
            raise WeightsError(f"{path} holds {name!r} which is not a tensor of ordinary numbers")
        # With strides of zero a file can declare any shape over a few stored bytes.
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise WeightsError(f"{path}: {name} has the shape {tuple(value.shape)} and fewer numbers")
        if not torch.isfinite(value).all():
            raise WeightsError(f"{path}: {name} holds what is not a number (NaN or infinity)")
    return dict(content)


def download(url: str, path: Path, *, sha256_prefix: str, stop: Callable[[], bool] = lambda: False) -> None:
    """Downloads a file and stores it only if its hash is correct.

    Otherwise a proxy's login page might be stored under the name of the weights in torch.hub's folder,
    and every later run, also of other programs, would fail because of it.

    Args:
        url: the address.
        path: the file to write.
        sha256_prefix: first hex digits of the expected SHA-256.
        stop: is called at least once a second; True ends the download.

    Raises:
        WeightsError: the server cannot be reached, `stop` returned True, the download takes longer than
            DOWNLOAD_LIMIT, the file is not the expected one, or it cannot be written.
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
    except Exception as error:  # network errors, timeouts, a full disk and others
        raise WeightsError(f"{path.name} cannot be downloaded ({type(error).__name__})") from error
