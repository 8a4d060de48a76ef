"""`predict FOLDER --csv FILE` answers every picture as `predict` does, and names whatever it leaves out."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from study.cli import main
from study.data import LabelledImages, to_input
from study.datasets import FASHION_MNIST
from study.explain.doubt import SURE
from study.explain.own_picture import find_object
from study.explain.picture_files import read_picture
from study.explain.predict import answer, predict
from study.explain.predict_folder import COLUMNS
from study.explain.stored_champion import stored_champion
from study.models import build, save_checkpoint, unfolded_state_dict
from study.networks import GOOGLENET
from study.training.batchnorm_recalibration import settle
from study.training.evaluate import evaluation_batch

#: At this resolution a batch has few pictures.
RESOLUTION, MANY = 96, 58


@pytest.fixture(scope="module")
def results(few: LabelledImages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A champion of random weights with real statistics, so that answers depend on the picture."""
    folder = tmp_path_factory.mktemp("study") / "results"
    network = build(GOOGLENET, weights=None, resolution=RESOLUTION, fold=True, seed=0)
    settle(network, iter([to_input(few.train_images[:50], RESOLUTION)]), network)
    meta = {"model": "googlenet", "resolution": RESOLUTION}
    save_checkpoint(folder / "checkpoints" / "champion.pth", unfolded_state_dict(network), meta)
    return folder


@pytest.fixture
def pictures(few: LabelledImages, tmp_path: Path) -> Path:
    """A folder with pictures, a picture in a folder below, and what a folder of pictures holds besides."""
    folder = tmp_path / "pictures"
    (folder / "shoes").mkdir(parents=True)
    (folder / ".cache").mkdir()
    for number, name in enumerate(("b.png", "a.png", "=1+2.png", "shoes/c.png", ".cache/d.png")):
        Image.fromarray(few.test_images[number].numpy()).save(folder / name)
    # Without a header: where a test has imported WeasyPrint, Pillow takes a half picture for a whole one.
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:20])
    (folder / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    Image.new("RGB", (300, 200), "beige").save(folder / "wall.jpg")
    (folder / "notes.txt").write_text("two shoes")
    (folder / ".DS_Store").write_bytes(b"\0")
    return folder


def _asked(results: Path, folder: Path, csv_file: Path) -> list[str]:
    return ["predict", str(folder), "--results-dir", str(results), "--csv", str(csv_file)]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows = list(reader)
    assert tuple(reader.fieldnames or ()) == (*COLUMNS, *FASHION_MNIST.classes)
    return rows


def test_every_picture_has_its_row_and_the_rest_is_named(
    results: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "answers.csv"
    assert main(_asked(results, pictures, path)) == 1, "three pictures have no answer"
    told = capsys.readouterr()
    rows = _rows(path)
    assert [row["file"] for row in rows] == [
        "'=1+2.png",
        "a.png",
        "b.png",
        "broken.png",
        "photo.heic",
        "shoes/c.png",
        "wall.jpg",
    ]
    problems = {row["file"]: row["problem"] for row in rows if row["problem"]}
    assert set(problems) == {"broken.png", "photo.heic", "wall.jpg"}
    assert (
        "is not a readable image" in problems["broken.png"] and str(pictures) not in problems["broken.png"]
    )
    assert "HEIC photo" in problems["photo.heic"] and "no object found" in problems["wall.jpg"]
    for row in rows:
        shares = [row[name] for name in FASHION_MNIST.classes]
        if row["file"] in problems:
            assert {row["class"], row["probability"], row["doubt"], *shares} == {""}
            assert f"{row['file']}: {row['problem']}" in told.out
            continue
        (line,) = predict(results, pictures / row["file"].lstrip("'"), None, None, offline=True)
        named, told_probability = line.split(",")[0].rsplit(" ", 1)
        assert named == f"{row['network']}: {row['class']}"
        assert float(told_probability) == pytest.approx(float(row["probability"]), abs=6e-4)
        values = np.array(shares, dtype=float)
        assert FASHION_MNIST.classes[values.argmax()] == row["class"] and values.max() == float(
            row["probability"]
        )
        assert values.sum() == pytest.approx(1, abs=1e-5)
        assert bool(row["doubt"]) == (float(row["probability"]) < SURE) == ("in doubt" in line)
    assert told.out.startswith(f"{path}: 4 of 7 pictures answered by champion (googlenet); ")
    assert "no picture, left out: notes.txt\n" in told.out
    assert "hidden, left out: .DS_Store, .cache\n" in told.out


def test_answers_are_replaced_and_are_no_pictures(
    results: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("broken.png", "photo.heic", "wall.jpg", "notes.txt", ".DS_Store"):
        (pictures / name).unlink()
    shutil.rmtree(pictures / ".cache")
    path = pictures / "answers.csv"
    told = []
    for _ in range(2):
        assert main(_asked(results, pictures, path)) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] and "left out" not in told[0]
    assert len(_rows(path)) == 4


def test_answers_do_not_depend_on_the_batch(results: Path, few: LabelledImages, tmp_path: Path) -> None:
    """More views than a batch has, and cut-outs, which have two."""
    assert evaluation_batch(RESOLUTION) < MANY
    folder, path = tmp_path / "many", tmp_path / "answers.csv"
    folder.mkdir()
    for number, grey in enumerate(few.test_images[:MANY].numpy()):
        picture = Image.fromarray(grey)
        if number % 5 == 0:
            picture = Image.merge("LA", (picture, picture.point(lambda value: 255 * (value > 0))))
            picture = picture.resize((56, 56))
        picture.save(folder / f"{number:03}.png")
    assert main(_asked(results, folder, path)) == 0
    champion = stored_champion(results / "checkpoints", FASHION_MNIST)
    assert champion is not None
    rows, two = _rows(path), 0
    assert [row["file"] for row in rows] == [f"{number:03}.png" for number in range(MANY)]
    for row in (*rows[::5], *rows[-4:]):
        views = find_object(read_picture(folder / row["file"]), FASHION_MNIST.side).views
        two += len(views) == 2
        _, expected, _ = answer(champion.network, views, RESOLUTION, FASHION_MNIST)
        found = torch.tensor([float(row[name]) for name in FASHION_MNIST.classes])
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert two >= MANY // 5
    assert len({row["bag"] for row in rows}) > MANY // 2, "answers that depend on the picture"


def test_bad_input_is_one_line_and_nothing_is_replaced(
    results: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, texts, own = tmp_path / "empty", tmp_path / "texts", tmp_path / "own.csv"
    empty.mkdir()
    texts.mkdir()
    (texts / "notes.txt").write_text("nothing")
    own.write_text("file,label\na.png,3\n")
    picture, fresh = pictures / "a.png", tmp_path / "fresh.csv"
    here = ["--results-dir", str(results)]
    cases = [
        (_asked(results, empty, fresh), "holds no picture"),
        (_asked(results, texts, fresh), "holds no picture (other files: notes.txt)"),
        (_asked(results, picture, fresh), "--csv is for a folder"),
        (_asked(results, pictures, tmp_path / "fresh.txt"), "--csv writes a CSV file"),
        (_asked(results, pictures, own), "holds something else than answers"),
        (_asked(results, pictures, results / "results.csv"), "among the study's tables"),
        (_asked(results, pictures, picture / "fresh.csv"), "the folder of --csv"),
        (_asked(empty, pictures, fresh), "holds no trained network"),
        ([*_asked(results, pictures, fresh), "--explain", "seen.png"], "--explain draws one picture"),
        (["predict", "--index", "3", "--csv", str(fresh), *here], "--csv is for a folder"),
        (["predict", str(pictures), *here], "give --csv FILE.csv"),
    ]
    for arguments, why in cases:
        assert main(arguments) == 2, arguments
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith("error: ") and told.err.count("\n") == 1
        assert why in told.err
    assert own.read_text() == "file,label\na.png,3\n" and not fresh.exists()
