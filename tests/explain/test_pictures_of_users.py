"""`predict` reads the user's picture or refuses it in one line; nothing else can happen."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from finished import record_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from study.cli import main
from study.data import LabelledImages, to_input
from study.datasets import FASHION_MNIST
from study.errors import UsageError, WeightsError
from study.explain.doubt import SURE
from study.explain.own_picture import find_object
from study.explain.picture_files import read_picture
from study.explain.predict import predict
from study.explain.snapshots import keep_network
from study.models import build, save_checkpoint, unfolded_state_dict
from study.networks import GOOGLENET
from study.spec import Init, Scope
from study.training.batchnorm_recalibration import settle
from tests.data.picture_sets import png_of


def _picture(kind: str) -> bytes:
    """A dark garment on white."""
    picture = Image.new("RGB", (40, 30), "white")
    picture.paste((20, 30, 60), (12, 4, 28, 26))
    stream = io.BytesIO()
    picture.save(stream, kind)
    return stream.getvalue()


def _views(path: Path) -> Tensor:
    return find_object(read_picture(path), FASHION_MNIST.side).views


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_usual_pictures_become_28_by_28(kind: str, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(_picture(kind))
    (pixels,) = _views(tmp_path / "p")
    assert pixels.shape == (28, 28) and pixels.dtype is torch.uint8
    assert int(pixels[14, 14]) > 200 and int(pixels[14, 0]) == 0


def test_dark_on_light_is_turned_round(tmp_path: Path) -> None:
    values = np.full((28, 28), 255, np.uint8)
    values[:, 8:20] = 10
    Image.fromarray(values).save(tmp_path / "p.png")
    (pixels,) = _views(tmp_path / "p.png")
    assert int(pixels[0, 0]) == 0 and int(pixels[14, 14]) == 245


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"\0" * 1000,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png_of(9_000, 9_000),
        png_of(60_000, 60_000),
        png_of(0, 5),
    ],
    ids=["empty", "text", "zeros", "svg", "81 million pixels", "3.6 billion pixels", "no width"],
)
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(UsageError):
        read_picture(tmp_path / "p.png")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]), st.data())
def test_damaged_pictures_are_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    content = bytearray(_picture(kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    (tmp_path / "p").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(UsageError):
        assert _views(tmp_path / "p").shape[1:] == (28, 28)


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
        shares = network.eval()(to_input(_views(picture), 32)).softmax(1)[0]
    assert all(
        f"{FASHION_MNIST.classes[int(shares.argmax())]} {float(shares.max()):.3f}," in line
        for line in lines
    )
    path = folder / "explained-googlenet-scratch-full-uniform.pth"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="explained-googlenet-scratch-full-uniform"):
        predict(tmp_path, picture, None, None, offline=True)


@pytest.fixture(scope="session")
def network_sure_of_a_bag() -> dict[str, Tensor]:
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0)
    with torch.no_grad():
        network.head.bias[FASHION_MNIST.classes.index("bag")] = 50
    return unfolded_state_dict(network)


@pytest.fixture(scope="session")
def network_without_training(few: LabelledImages) -> dict[str, Tensor]:
    """Random weights with statistics of real images, so that answers depend on the picture."""
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0)
    settle(network, iter([to_input(few.train_images, 32)]), network)
    return unfolded_state_dict(network)


def _results(folder: Path, state: dict[str, Tensor]) -> Path:
    path = folder / "results" / "checkpoints" / "champion.pth"
    save_checkpoint(path, state, {"model": "googlenet", "resolution": 32})
    return folder / "results"


def test_the_file_of_a_test_object_is_answered_as_its_index(
    fashion: LabelledImages, network_without_training: dict[str, Tensor], tmp_path: Path
) -> None:
    results, answers = _results(tmp_path, network_without_training), set()
    for index in (0, 1, 4321):
        Image.fromarray(fashion.test_images[index].numpy()).save(tmp_path / "p.png")
        named, answer = predict(results, None, index, None, offline=True)
        assert named == f"test object {index}: {FASHION_MNIST.classes[int(fashion.test_labels[index])]}"
        assert predict(results, tmp_path / "p.png", None, None, offline=True) == [answer]
        answers.add(answer)
    assert len(answers) == 3


def test_a_doubt_is_told_where_the_probability_is_low(
    network_without_training: dict[str, Tensor],
    network_sure_of_a_bag: dict[str, Tensor],
    tmp_path: Path,
    picture: Path,
) -> None:
    (unsure,) = predict(
        _results(tmp_path / "a", network_without_training), picture, None, None, offline=True
    )
    (sure,) = predict(_results(tmp_path / "b", network_sure_of_a_bag), picture, None, None, offline=True)
    assert f"in doubt: below {SURE:.2f}" in unsure
    assert "bag 1.000" in sure and "doubt" not in sure


def test_the_drawing_is_written_beside_the_answer(
    network_without_training: dict[str, Tensor],
    tmp_path: Path,
    picture: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    results, drawing = _results(tmp_path, network_without_training), tmp_path / "seen.png"
    for shown in ([str(picture)], ["--index", "3"]):
        drawing.unlink(missing_ok=True)
        asked = ["predict", *shown, "--results-dir", str(results), "--explain", str(drawing)]
        assert main(asked) == 0
        assert str(drawing) in capsys.readouterr().out.splitlines()[-1]
        with Image.open(drawing) as drawn:
            assert drawn.format == "PNG" and drawn.size == (620, 320)


def test_a_drawing_replaces_no_photograph_and_is_a_png(
    tmp_path: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = picture.read_bytes()
    (tmp_path / "link.png").symlink_to(picture)
    for drawing in (picture, tmp_path / "link.png", tmp_path / "seen.jpg"):
        assert main(["predict", str(picture), "--explain", str(drawing)]) == 2
        assert capsys.readouterr().err.startswith("error: --explain")
    assert picture.read_bytes() == before and not (tmp_path / "seen.jpg").exists()


def test_a_blank_picture_gets_no_answer(
    network_sure_of_a_bag: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, drawing = _results(tmp_path, network_sure_of_a_bag), tmp_path / "seen.png"
    Image.new("RGB", (300, 200), "beige").save(tmp_path / "blank.png")
    asked = ["predict", str(tmp_path / "blank.png"), "--results-dir", str(results)]
    assert main([*asked, "--explain", str(drawing)]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("error: no object found") and told.err.count("\n") == 1
    assert not drawing.exists()
