"""`predict` reads the user's picture or refuses it in one line; nothing else can happen."""

from __future__ import annotations

import contextlib
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from finished import record_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from study.data import CLASS_NAMES, to_input
from study.errors import UsageError, WeightsError
from study.explain.predict import predict, read_image
from study.explain.snapshots import keep_network
from study.models import build, save_checkpoint, unfolded_state_dict
from study.networks import GOOGLENET
from study.spec import Init, Scope


def _picture(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_usual_pictures_become_28_by_28(kind: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(_picture(kind))
    pixels = read_image(tmp_path / "p")
    assert pixels.shape == (28, 28) and pixels.dtype is torch.uint8


def test_dark_on_light_is_turned_round(tmp_path: Path) -> None:
    values = np.full((28, 28), 255, np.uint8)
    values[8:20, 8:20] = 10
    Image.fromarray(values).save(tmp_path / "p.png")
    pixels = read_image(tmp_path / "p.png")
    assert int(pixels[0, 0]) == 0 and int(pixels[14, 14]) == 245


def _png_of(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"\0" * 1000,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        _png_of(9_000, 9_000),
        _png_of(60_000, 60_000),
        _png_of(0, 5),
    ],
    ids=["empty", "text", "zeros", "svg", "81 million pixels", "3.6 billion pixels", "no width"],
)
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(UsageError):
        read_image(tmp_path / "p.png")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]), st.data())
def test_damaged_pictures_are_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(_picture(kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    (tmp_path / "p").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(UsageError):
        assert read_image(tmp_path / "p").shape == (28, 28)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "p.png"
    path.write_bytes(_picture("PNG"))
    return path


def test_a_checkpoint_that_names_no_network_is_refused(tmp_path: Path, picture: Path) -> None:
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0)
    path = tmp_path / "checkpoints" / "champion.pth"
    save_checkpoint(path, unfolded_state_dict(network), {"model": "resnet", "resolution": 32})
    with pytest.raises(WeightsError):
        predict(tmp_path, picture, None, None, offline=True)
    save_checkpoint(path, unfolded_state_dict(network), {"model": "googlenet", "resolution": 32})
    lines = predict(tmp_path, picture, None, None, offline=True)
    assert len(lines) == 1 and lines[0].startswith("champion (googlenet): ")


def test_without_a_champion_the_kept_networks_answer(tmp_path: Path, picture: Path) -> None:
    folder = tmp_path / "checkpoints"
    with pytest.raises(UsageError, match="no trained network"):
        predict(tmp_path, picture, None, None, offline=True)
    frozen, full = (record_of(Init.SCRATCH, scope) for scope in (Scope.FROZEN, Scope.FULL))
    pretrained = record_of(Init.PRETRAINED, Scope.FULL)
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=6)
    for record in (pretrained, full, frozen):
        keep_network(network, record, folder)
    lines = predict(tmp_path, picture, None, None, offline=True)
    assert [line.split(":")[0] for line in lines] == [
        "googlenet-pretrained-full-uniform",
        "googlenet-scratch-full-uniform",
    ]
    with torch.inference_mode():
        shares = network.eval()(to_input(read_image(picture)[None], 32)).softmax(1)[0]
    assert all(f"{CLASS_NAMES[int(shares.argmax())]} {float(shares.max()):.3f}," in line for line in lines)
    path = folder / "explained-googlenet-scratch-full-uniform.pth"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="explained-googlenet-scratch-full-uniform"):
        predict(tmp_path, picture, None, None, offline=True)
