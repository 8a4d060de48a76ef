"""Grad-CAM and the plane of features in the report: drawn, cited, and told as the arrays are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from planted import plant
from printing import blank_drawing

from study.analysis import analyse
from study.report.data.report_data import ReportData
from study.report.figures import explanation
from study.report.figures.style import look
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers
from study.store.files import write_arrays

if TYPE_CHECKING:
    from conftest import Composer


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    return plant(folder, seeds=1, trials=0, models=("googlenet",))


def _change(results: Path, name: str, **arrays: object) -> None:
    path = results / "artifacts" / f"{name}.npz"
    with np.load(path) as stored:
        content = dict(stored)
    write_arrays(path, content | {key: np.asarray(value) for key, value in arrays.items()})


def _told(results: Path, composer: Composer) -> str:
    """Text of a report in which the two figures stand."""
    blank = blank_drawing(b"", "image/png")
    stored = (("gradcam-googlenet", "gradcam-googlenet"), ("featuremap", "featuremap-googlenet"))
    drawings = {
        figure: blank for figure, name in stored if (results / "artifacts" / f"{name}.npz").is_file()
    }
    html = composer(results, drawings=drawings)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def test_both_figures_are_drawn_and_leave_room(results: Path, words: Words, numbers: Numbers) -> None:
    data = ReportData.of(analyse(results))
    with look():
        maps = explanation.gradcam(data, "googlenet", words, numbers)
        plane = explanation.featuremap(data, words, numbers)
        assert explanation.gradcam(data, "vgg19", words, numbers) is None
    for drawing in (maps, plane):
        assert drawing is not None and drawing.data.startswith(b"\x89PNG")
        assert drawing.width_mm < 166 and drawing.height_mm < 145


def test_sentences_follow_the_maps(results: Path, composer: Composer) -> None:
    _change(results, "gradcam-googlenet", inside=[0.5611, 0.6622, 0.7733], empty=[0, 3, 0])
    text = _told(results, composer)
    assert "с нуля – 77,3 % карты." in text
    assert "66,2 % карты (пустых карт – 3, в среднее не входят)" in text
    assert "Равномерная карта дала бы 50,3 %, так что карты всех сетей тяготеют к предмету" in text
    assert "слой inception3b, карта 4 × 4" in text
    _change(results, "gradcam-googlenet", inside=[0.1, np.nan, 0.2])
    text = _told(results, composer)
    assert "ни одна из сетей не выделяет предмет заметно сильнее фона" in text
    assert not re.search(r"\bnan\b", text.lower())
    _change(results, "gradcam-googlenet", inside=[0.1, 0.2, 0.9])
    assert "эта доля у 1 из 3 сетей" in _told(results, composer)


def test_sentences_follow_the_features(results: Path, composer: Composer) -> None:
    names = ("pretrained.neighbour", "scratch.neighbour", "pretrained.between", "scratch.between")
    for values, claim in (
        ((0.8011, 0.7, 0.3, 0.2), "разделяют классы лучше."),
        ((0.6, 0.7, 0.1, 0.2), "ни по одному показателю"),
        ((0.8, 0.7, 0.1, 0.2), "показатели расходятся"),
        ((0.71, 0.7, 0.3, 0.2), "и преимуществом не считается"),
    ):
        _change(results, "featuremap-googlenet", **dict(zip(names, values, strict=True)))
        text = _told(results, composer)
        assert claim in text.partition("Признаки до обучения")[2]
        assert f"у {100 * values[0]:.1f} % объектов".replace(".", ",") in text


def test_what_could_not_be_explained_is_said(results: Path, composer: Composer) -> None:
    path = results / "environment.json"
    environment = json.loads(path.read_text(encoding="utf-8"))
    event = {"kind": "explanation_missing", "model": "googlenet", "detail": "stopped by the deadline"}
    path.write_text(json.dumps(environment | {"events": [event]}), encoding="utf-8")
    # What a later session of the study made good is no longer told.
    assert "построены не полностью" not in _told(results, composer)
    (results / "artifacts" / "gradcam-googlenet.npz").unlink()
    text = _told(results, composer)
    assert "для GoogLeNet построены не полностью: остановлено по сроку." in text
