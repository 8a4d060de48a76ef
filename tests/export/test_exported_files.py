"""Exported files give the saved network's answers in the programs that they are for, or do not exist."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import onnxruntime
import pytest
from champions import other_champion

from study.cli import main
from study.data import LabelledImages, to_input
from study.datasets import FASHION_MNIST
from study.errors import ExportError
from study.explain.stored_champion import StoredChampion
from study.export.classifier import Classifier
from study.export.export import MOST_DIFFERENCE, saved_answers, write_checked
from study.export.formats import ONNX, TORCHSCRIPT, Format
from study.models import build
from study.networks import GOOGLENET, VGG11, ModelName
from study.training.batchnorm_recalibration import settle

#: The forms of one champion are made once, in one process.
pytestmark = pytest.mark.xdist_group("export")


def test_a_form_is_one_file(files: dict[str, Path]) -> None:
    (folder,) = {path.parent for path in files.values()}
    assert sorted(folder.iterdir()) == sorted(files.values())


@pytest.mark.parametrize("form", [ONNX, TORCHSCRIPT], ids=lambda form: form.name)
@pytest.mark.parametrize("count", [1, 7])
def test_any_number_of_pictures_gets_the_saved_networks_answers(
    form: Format, count: int, files: dict[str, Path], champion: StoredChampion, few: LabelledImages
) -> None:
    pictures = few.test_images[10 : 10 + count]
    found = form.read(files[form.name])(pictures.numpy())
    expected = saved_answers(champion, pictures)
    assert found.shape == (count, 10) and found.dtype == np.float32
    assert np.abs(found - expected).max() <= MOST_DIFFERENCE
    assert np.abs(found.sum(1) - 1).max() < 1e-5
    spread = np.abs(saved_answers(champion, few.test_images).std(0)).max()
    assert spread > 100 * MOST_DIFFERENCE, "answers that depend on the picture"


def test_onnx_takes_bytes_and_knows_its_classes(files: dict[str, Path]) -> None:
    session = onnxruntime.InferenceSession(str(files["ONNX"]))
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape[1:]) == ("images", "tensor(uint8)", [28, 28])
    assert (given.name, given.type, given.shape[1:]) == ("probabilities", "tensor(float)", [10])
    assert isinstance(taken.shape[0], str), "a free number of pictures"
    named = session.get_modelmeta().custom_metadata_map["classes"]
    assert all(f'"{name}"' in named for name in FASHION_MNIST.classes)


def test_a_file_with_other_answers_is_refused_and_the_older_one_stays(
    champion: StoredChampion, few: LabelledImages, tmp_path: Path
) -> None:
    other = other_champion(champion)

    def write_other(classifier: Classifier, stream: IO[bytes]) -> None:
        TORCHSCRIPT.write(Classifier(other), stream)

    path = tmp_path / "champion.pt"
    path.write_bytes(b"older")
    wrong = replace(TORCHSCRIPT, write=write_other)
    with pytest.raises(ExportError, match=r"differ from those of the saved network by \d\.\de-0[234]"):
        write_checked(wrong, path, champion, few.test_images)
    assert [each.name for each in tmp_path.iterdir()] == ["champion.pt"] and path.read_bytes() == b"older"


def test_a_file_that_cannot_be_read_back_is_removed(
    champion: StoredChampion, few: LabelledImages, tmp_path: Path
) -> None:
    cut_off = replace(TORCHSCRIPT, write=lambda classifier, stream: stream.write(b"PK\3\4"))
    with pytest.raises(ExportError, match="TorchScript fails"):
        write_checked(cut_off, tmp_path / "champion.pt", champion, few.test_images)
    assert not list(tmp_path.iterdir())


def _untrained(model: ModelName, resolution: int, few: LabelledImages) -> StoredChampion:
    network = build(model, weights=None, resolution=resolution, fold=True, seed=0)
    settle(network, iter([to_input(few.train_images[:8], resolution)]), network)
    return StoredChampion(
        path=Path("champion.pth"),
        sha256="",
        data=FASHION_MNIST,
        model=model,
        network=network.eval(),
        resolution=resolution,
        run_id="",
        rung=0,
    )


def test_pictures_are_enlarged_inside_the_file(few: LabelledImages, tmp_path: Path) -> None:
    champion = _untrained(GOOGLENET, 64, few)
    found = write_checked(TORCHSCRIPT, tmp_path / "champion.pt", champion, few.test_images[:8])
    assert (found.pictures, found.equal) == (8, 8)


@pytest.mark.long
@pytest.mark.parametrize(
    ("model", "resolution"), [(GOOGLENET, 32), (GOOGLENET, 64), (VGG11, 32), (VGG11, 64)]
)
def test_onnx_has_every_network_and_resolution(
    model: ModelName, resolution: int, few: LabelledImages, tmp_path: Path
) -> None:
    champion = _untrained(model, resolution, few)
    found = write_checked(ONNX, tmp_path / "champion.onnx", champion, few.test_images[:8])
    assert (found.pictures, found.equal) == (8, 8)


def test_the_command_writes_what_is_asked_for_and_replaces_nothing_unasked(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, card = tmp_path / "new" / "champion.pt", tmp_path / "new" / "README.md"
    asked = ["export", "--results-dir", str(results), "--offline", "--torchscript", str(file)]
    assert main([*asked, "--card", str(file.parent)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"{file}: TorchScript, ") and "read back on 100 test pictures" in told[0]
    assert told[0].endswith(" 100 equal classes") and told[1] == f"{card}: model card"
    assert 'torch.jit.load("champion.pt"' in card.read_text(encoding="utf-8")
    for path in (file, card):
        path.write_bytes(b"older")
    assert main(asked) == 2
    assert capsys.readouterr().err == f"error: {file} exists; --force replaces it\n"
    only = ["export", "--results-dir", str(results), "--card", str(card)]
    assert main(only) == 2
    assert main([*only, "--force"]) == 0
    assert file.read_bytes() == b"older" and card.read_bytes().startswith(b"---\nlanguage: en\n")


def test_bad_input_is_one_line_and_exit_code_2(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    here = ["--results-dir", str(results)]
    cases = [
        (here, "export needs --onnx FILE"),
        ([*here, "--onnx", str(tmp_path / "a.pt")], "--onnx writes a .onnx file"),
        ([*here, "--torchscript", str(tmp_path / "a.pth")], "--torchscript writes a .pt file"),
        ([*here, "--card", str(tmp_path / "notes.txt")], "--card writes a .md file"),
        ([*here, "--card", str(tmp_path / "file" / "card.md")], "output folder"),
        ([*here, "--torchscript", str(tmp_path / "file" / "a.pt")], "output folder"),
        (["--results-dir", str(tmp_path / "empty"), "--card", str(tmp_path)], "holds no champion"),
        (["--results-dir", str(tmp_path / "nowhere"), "--card", str(tmp_path)], "holds no champion"),
    ]
    for arguments, why in cases:
        assert main(["export", "--offline", *arguments]) == 2, arguments
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith("error: ") and told.err.count("\n") == 1
        assert why in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "notes.txt"]


def test_a_card_needs_the_ledger(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(results / "checkpoints", tmp_path / "results" / "checkpoints")
    card = tmp_path / "card.md"
    assert main(["export", "--results-dir", str(tmp_path / "results"), "--card", str(card)]) == 2
    assert "holds no ledger.sqlite" in capsys.readouterr().err and not card.exists()


def test_missing_packages_are_named_with_the_command_that_brings_them(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    asked = ["export", "--results-dir", str(results), "--onnx", str(tmp_path / "a.onnx")]
    assert main(asked) == 2
    told = capsys.readouterr().err
    assert told == "error: --onnx needs onnx, onnxruntime: pip install onnx onnxruntime\n"
    assert not list(tmp_path.iterdir())
