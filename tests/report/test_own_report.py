"""The report of a person's own data set is that of a study, in both languages, grey and in colour."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analysis import analyse
from study.datasets import FASHION_MNIST
from study.datasets.own import DESCRIPTOR, FOLDER, own_json, own_name
from study.report.build import build_report
from study.report.data.report_data import ReportData
from study.report.figures import FIGURES, PER_MODEL, empty_drawing
from study.report.figures.images import show
from study.report.figures.style import canvas, look
from study.report.locale.messages import languages, read_words
from study.report.locale.number_format import Numbers
from study.report.text.compose import compose
from study.report.text.length import Length
from study.report.text.title_page import TitlePage

pytestmark = pytest.mark.usefixtures("own_sets_forgotten")

#: What no report of another data set than that of the laboratory work may say.
_LABORATORY = re.compile(
    r"лаборатор|пункт\w* \d|задани|Zalando|Fashion|одежд|рубаш|футбол|складк|контрольны\w+ вопрос"
    r"|laborator|assignment|review question|garment|shirt|\bfold\b|28 × 28",
    re.IGNORECASE,
)
_TWINS = {"groups": 3, "pictures": 7, "in_an_earlier_part": {"test": 2}, "with_different_classes": 1}
_PART = {
    "pictures": 70_000,
    "smallest": [20, 30],
    "median": [60, 60],
    "largest": [640, 480],
    "grey": 0,
    "colour": 70_000,
}
_LOOK: dict[str, Any] = {
    "form": "class folders",
    "parts": {"train": _PART, "test": _PART},
    "equal": _TWINS,
    "nearly_equal": _TWINS,
    "same_names_in_all": 4,
    "imbalance": 2.5,
    "imbalance_limit": 1.5,
    "mirrored": False,
    "problems": [
        {"kind": "broken pictures", "place": "<b>x</b>.png", "detail": "cut"},
        {"kind": "not pictures", "place": "notes.txt", "detail": ""},
    ],
    "problems_in_all": 2,
    "division": "given",
    "joined": True,
}


def _own(whole: Path, folder: Path, *, channels: int) -> Path:
    """Copies the planted study as if its data set were a person's own."""
    results = folder / "results"
    shutil.copytree(whole, results)
    sha256 = "ab" * 32
    classes = tuple(f"kind {number}" for number in range(10))
    data = replace(
        FASHION_MNIST,
        name=own_name(sha256, flips=False),
        title="my pictures",
        side=30,
        classes=classes,
        channels=channels,
        flips=False,
        sha256=sha256,
    )
    (results / FOLDER).mkdir()
    (results / FOLDER / DESCRIPTOR).write_bytes(own_json(data))
    (results / FOLDER / "data_look.json").write_text(json.dumps(_LOOK), encoding="utf-8")
    path = results / "environment.json"
    environment = json.loads(path.read_text(encoding="utf-8"))
    environment["dataset"] |= {"name": data.name, "source": "own"}
    path.write_text(json.dumps(environment), encoding="utf-8")
    return results


def _text(html: str) -> str:
    html = re.sub(r"<style>.*?</style>|<pre>.*?</pre>|<ol class=\"sources\">.*?</ol>", "", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\xa0", " ").split())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("length", list(Length))
@pytest.mark.parametrize("lang", languages())
def test_nothing_speaks_of_the_laboratory_work(
    lang: str, length: Length, channels: int, whole: Path, tmp_path: Path
) -> None:
    data = ReportData.of(analyse(_own(whole, tmp_path, channels=channels)))
    words = read_words(lang, data.models, dataset=data.dataset)
    title = TitlePage(year="2031")
    drawn = [*FIGURES, *(f"{name}-{model}" for name in PER_MODEL for model in data.models)]
    drawings = {name: empty_drawing() for name in drawn}
    html = compose(data, drawings, words, Numbers.of(words), title, lang=lang, length=length).html
    text = _text(html)
    assert "my pictures" in text and "kind 3" in text
    assert _LABORATORY.findall(text) == []
    grey = re.search(r"полутоновое изображение|greyscale image|одноканальн\w+ слой|one-channel layer", text)
    assert bool(grey) is (channels == 1)
    assert "&lt;b&gt;x&lt;/b&gt;.png" in html and "<b>x</b>" not in html


@pytest.mark.parametrize("lang", ["ru", pytest.param("en", marks=pytest.mark.long)])
def test_its_form_holds(lang: str, whole: Path, tmp_path: Path) -> None:
    analysis = analyse(_own(whole, tmp_path, channels=3))
    result = build_report(analysis, tmp_path / "out", lang=lang, length=Length.SHORT)
    assert result.problems == ()


@pytest.mark.parametrize("negative", [True, False])
def test_pictures_are_drawn_in_shades_of_grey(negative: bool) -> None:
    """Dark objects on white paper where the images are light on black; photographs as they are."""
    with look(negative=negative):
        _, (axes,) = canvas(1.0, 1)
        show(axes, np.array([[0.0, 255.0]]))
        black, white = axes.images[0].to_rgba(np.array([0.0, 255.0]))[:, :3]
    assert [len(set(shade)) for shade in (black, white)] == [1, 1]
    assert bool(black[0] > white[0]) is negative
