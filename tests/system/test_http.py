"""A download gives way to the budget and to Ctrl-C, also while its server is silent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from torchvision.datasets import FashionMNIST

from study.data import download as data_download
from study.datasets import FASHION_MNIST
from study.errors import DataError, WeightsError
from study.models import weights
from study.system.http import blocks

pytestmark = pytest.mark.xdist_group("time")

#: Well below the seconds that a silent server is waited for.
SOON = 4.0


def _after(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() > until


def test_a_file_comes_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 2_000
    (tmp_path / "file").write_bytes(content)
    found = blocks((tmp_path / "file").as_uri(), timeout=5, stop=lambda: False)
    assert b"".join(found) == content
    with pytest.raises(OSError, match="No such file"):
        list(blocks((tmp_path / "absent").as_uri(), timeout=5, stop=lambda: False))


def test_weights_are_given_up_when_asked(slow_server: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(WeightsError, match="cannot be downloaded"):
        weights.download(
            f"{slow_server}vgg11.pth",
            tmp_path / "hub" / "vgg11.pth",
            sha256_prefix="00000000",
            stop=_after(1),
        )
    assert time.monotonic() - began < SOON
    assert not list((tmp_path / "hub").iterdir())


def test_the_data_set_is_given_up_when_asked(
    slow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FashionMNIST, "mirrors", [slow_server, slow_server])
    began = time.monotonic()
    with pytest.raises(DataError, match="the download was stopped"):
        data_download.download(tmp_path, FASHION_MNIST, stop=_after(1))
    assert time.monotonic() - began < SOON
    assert not list(tmp_path.rglob("*.gz"))
