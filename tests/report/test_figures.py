"""Figures as a reader sees them: no label is cut or covered, and every axis fits what it shows."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from PIL import Image
from planted import plant

from study.analysis import analyse
from study.report.data.report_data import ReportData
from study.report.figures import curves, explanation, images, training
from study.report.figures.style import DPI, FONT, canvas, log_ticks, look
from study.report.locale.messages import Words, read_words
from study.report.locale.number_format import Numbers
from study.store.files import write_arrays

SVG = "{http://www.w3.org/2000/svg}"
LANGUAGES = pytest.mark.parametrize("lang", ["ru", "en"])


@pytest.fixture(autouse=True)
def _styled() -> Iterator[None]:
    with look():
        yield


@pytest.fixture(scope="module")
def data(whole: Path) -> ReportData:
    return ReportData.of(analyse(whole))


def _length(text: str, size: float) -> float:
    """Printed length in points."""
    return float(TextPath((0, 0), text, size=size, prop=FontProperties(family=FONT)).get_extents().width)


def _part(tree: ElementTree.Element, name: str) -> ElementTree.Element:
    return next(group for group in tree.iter(f"{SVG}g") if group.get("id") == name)


def _heights(path: str) -> list[float]:
    """Vertical coordinates of a path's points."""
    return [float(y) for _, y in re.findall(r"[ML] (\S+) (\S+)", path)]


def _placed(band: ElementTree.Element) -> list[float]:
    """Vertical coordinates of a band, which matplotlib defines in one place and uses in another."""
    (path,), (use,) = band.iter(f"{SVG}path"), band.iter(f"{SVG}use")
    return [y + float(use.get("y", "")) for y in _heights(path.get("d", ""))]


def _frame(panel: ElementTree.Element) -> tuple[float, float]:
    """Upper and lower edge of a panel."""
    heights = _heights(panel.findall(f"{SVG}g/{SVG}path")[0].get("d", ""))
    return min(heights), max(heights)


def _ink_groups(strip: np.ndarray, gap: int) -> int:
    """Groups of rows with ink that at least `gap` empty rows separate."""
    rows = np.flatnonzero((strip < 128).any(axis=1))
    return 1 + int((np.diff(rows) > gap).sum())


@LANGUAGES
@pytest.mark.parametrize("networks", [1, 2, 3, 6])
def test_every_row_of_gradcam_has_a_whole_name(networks: int, lang: str, tmp_path: Path) -> None:
    plant(tmp_path, seeds=1, trials=0, models=("googlenet",))
    path = tmp_path / "artifacts" / "gradcam-googlenet.npz"
    rows = ([1, 2, 0] * 2)[:networks]
    with np.load(path) as stored:
        content = {k: v[rows] if len(v.shape) and len(v) == 3 else v for k, v in stored.items()}
    write_arrays(path, content)
    words = read_words(lang)
    drawing = explanation.gradcam(ReportData.of(analyse(tmp_path)), "googlenet", words, Numbers.of(words))
    assert drawing is not None
    picture = np.asarray(Image.open(io.BytesIO(drawing.data)).convert("L"))
    edges = (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:])
    assert all((edge > 250).all() for edge in edges)
    assert _ink_groups(picture[:, : int(0.75 * DPI)], gap=DPI // 5) == networks


@LANGUAGES
def test_a_panel_of_the_object_bears_its_whole_variant(lang: str, data: ReportData) -> None:
    words = read_words(lang)
    titles = {arm.name: images.object_title(arm, words) for arm in data.arms}
    assert len(set(titles.values())) == 12
    variant = words.arm_axis["scratch-frozen"].replace("\n", " ")
    assert titles["vgg11-scratch-frozen"].replace("\n", " ") == f"{words.model['vgg11']}, {variant}"
    for title in titles.values():
        assert max(_length(line, 9) for line in title.splitlines()) < 84


@LANGUAGES
def test_trials_of_every_network_fill_their_panel(lang: str, data: ReportData) -> None:
    words = read_words(lang)
    drawing = training.tuning(data, words, Numbers.of(words))
    assert drawing is not None
    tree = ElementTree.fromstring(drawing.data)
    for panel in (_part(tree, "axes_1"), _part(tree, "axes_2")):
        top, bottom = _frame(panel)
        lines = [g for g in panel.findall(f"{SVG}g") if g.get("id", "").startswith("line2d_")]
        marks = [float(mark.get("y", "")) for line in lines for mark in line.iter(f"{SVG}use")]
        assert max(marks) - min(marks) > 0.8 * (bottom - top)
    top, bottom = _frame(_part(tree, "axes_1"))
    named = words.axis["val_accuracy"].split()
    label = [t.text or "" for t in tree.iter(f"{SVG}text") if "rotate(-90" in t.get("transform", "")]
    assert " ".join(label).split() == named
    assert max(_length(line, 10) for line in label) < bottom - top


def test_a_legend_of_points_shows_the_drawn_marks_only(
    data: ReportData, words: Words, numbers: Numbers
) -> None:
    some = data.trials[data.trials["init"] == "pretrained"]
    found = replace(data, analysis=replace(data.analysis, sources=replace(data.tables, trials=some)))
    drawing = training.tuning(found, words, numbers)
    assert drawing is not None
    legend = _part(ElementTree.fromstring(drawing.data), "legend_1")
    drawn = {id(path) for path in legend.iter(f"{SVG}path")}
    assert drawn == {id(path) for defs in legend.iter(f"{SVG}defs") for path in defs}
    assert len([*legend.iter(f"{SVG}use")]) == len([*legend.iter(f"{SVG}text")]) == 3


@LANGUAGES
@pytest.mark.parametrize("spread", [0.02, 0.3])
def test_bands_over_the_length_of_training_lie_whole_in_their_panels(
    spread: float, lang: str, data: ReportData
) -> None:
    words, rungs = read_words(lang), data.rungs.copy()
    rungs["test_accuracy"] = (rungs["test_accuracy"] + spread * (rungs["seed"] - 1)).clip(0, 1)
    found = replace(data, analysis=replace(data.analysis, sources=replace(data.tables, rungs=rungs)))
    drawing = curves.lengths(found, words, Numbers.of(words))
    assert drawing is not None
    tree = ElementTree.fromstring(drawing.data)
    for number in range(1, 5):
        panel = _part(tree, f"axes_{number}")
        top, bottom = _frame(panel)
        bands = [g for g in panel.iter(f"{SVG}g") if g.get("id", "").startswith("FillBetween")]
        assert bands
        heights = np.array([y for band in bands for y in _placed(band)])
        assert top - 0.01 < heights.min() and heights.max() < bottom + 0.01


def test_a_point_over_the_length_of_training_is_a_rung(data: ReportData) -> None:
    arm = data.arm("googlenet-pretrained-full-uniform")
    assert arm is not None
    found = curves.course(data, arm)
    assert found is not None
    rows = data.rungs[data.rungs["run_id"].isin(arm.run_ids)]
    for at, rung in enumerate(found.images):
        own = rows[rows["rung"] == rung]
        assert len(own) == 3
        assert found.mean[at] == pytest.approx(100 * own["test_accuracy"].mean())
        assert found.seconds[at] == pytest.approx(own["seconds"].mean())
        assert found.low[at] < found.mean[at] < found.high[at]
    assert [*found.images] == sorted(set(rows["rung"]))


@LANGUAGES
def test_the_champion_is_drawn_from_what_was_looked_at(lang: str, data: ReportData) -> None:
    """The training loss at every point, validation where it was looked at."""
    words = read_words(lang)
    drawing = curves.champion(data, words, Numbers.of(words))
    assert drawing is not None and data.champion is not None
    tree = ElementTree.fromstring(drawing.data)
    own = data.history[data.history["run_id"] == data.champion.run_id]
    looked = int(own["val_loss"].notna().sum())
    assert 1 < looked < len(own)
    for number in (1, 2):
        parts = _part(tree, f"axes_{number}").findall(f"{SVG}g")
        lines = [part for part in parts if part.get("id", "").startswith("line2d_")]
        assert max(len([*line.iter(f"{SVG}use")]) for line in lines) == looked
    assert curves.champion(replace(data, champion=None), words, Numbers.of(words)) is None


@pytest.mark.parametrize(
    ("low", "high", "printed"),
    [
        (8.7, 41, "10 20 30 40"),
        (7.4, 71, "10 20 30 50"),
        (0.0013, 0.0036, "0,0015 0,002 0,003"),
        (0.0002, 0.0013, "0,0002 0,0003 0,0005 0,001"),
        (0.00003, 0.01, "0,0001 0,001 0,01"),
        (3, 4000, "10 100 1000"),
        (10, 10, None),
        (10.2, 10.9, None),
        (2.2, 2.8, None),
        (1e-8, 50, None),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_several_and_never_meet(
    low: float, high: float, printed: str | None, numbers: Numbers
) -> None:
    figure, (panel, _) = canvas(2.5, 2)
    panel.plot([low, high], [1, 2], "o")
    log_ticks(panel, numbers.comma)
    FigureCanvasAgg(figure).draw()
    first, last = panel.get_xlim()
    shown = [
        label
        for label, place in zip(panel.get_xticklabels(), panel.get_xticks(), strict=True)
        if first <= place <= last
    ]
    texts = [label.get_text() for label in shown]
    assert len(texts) > 1 and len(set(texts)) == len(texts)
    assert printed is None or texts == printed.split()
    boxes = [label.get_window_extent() for label in shown]
    assert all(a.x1 + 2 < b.x0 for a, b in itertools.pairwise(boxes))
