"""The figures as files: three of each, and tables that hold what is drawn and what was measured."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from planted import plant
from playa import parse as parse_pdf

from study.analysis import analyse
from study.cli import main
from study.report.data.report_data import ReportData
from study.report.figures import Drawing, draw_all, figure_files
from study.report.figures.plotted import Plotted
from study.report.locale.messages import read_words
from study.report.locale.number_format import Numbers
from study.store.files import write_arrays

if TYPE_CHECKING:
    from conftest import Built

FORMS = ("csv", "pdf", "svg")
DOCS = Path(__file__).parents[2] / "docs" / "results.md"
ARM = ["network", "init", "scope", "lr_policy"]
#: Figures with numbers on an axis, and which axis has what was measured.
MEASURED = {
    **dict.fromkeys(("arms", "contrasts"), 0),
    **dict.fromkeys(("lengths", "gain", "champion", "pretext", "labels", "depth"), 1),
    **dict.fromkeys(("calibration", "tuning", "drift", "featuremap"), 1),
}


@pytest.fixture(scope="module")
def data(whole: Path) -> ReportData:
    return ReportData.of(analyse(whole))


@pytest.fixture(scope="module")
def drawings(data: ReportData) -> dict[str, Drawing]:
    words = read_words("ru")
    return draw_all(data, words, Numbers.of(words))


@pytest.fixture(scope="module")
def files(drawings: dict[str, Drawing]) -> dict[str, bytes]:
    return figure_files(drawings)


def _table(files: dict[str, bytes], name: str) -> pd.DataFrame:
    return _stored(io.BytesIO(files[f"{name}.csv"]))


def _stored(file: Path | io.BytesIO) -> pd.DataFrame:
    """A CSV file with every number as it is written, and the words of arms in columns of one name."""
    table = pd.read_csv(file, keep_default_na=False, na_values=[""])
    return table.rename(columns={"model": "network"})


def test_every_figure_of_a_report_has_its_three_files(built: Built) -> None:
    placed = set(re.findall(r'<figure id="fig-([\w-]+)"', built.html))
    assert len(placed) > 10
    names = {path.name for path in (built.folder / "figures").iterdir()}
    assert names == {f"{name}.{form}" for name in placed for form in FORMS}


def test_every_form_is_what_its_name_says(drawings: dict[str, Drawing], files: dict[str, bytes]) -> None:
    assert set(files) == {f"{name}.{form}" for name in drawings for form in FORMS}
    for name, drawing in drawings.items():
        svg = ElementTree.fromstring(files[f"{name}.svg"])
        with parse_pdf(files[f"{name}.pdf"]) as pdf:
            (page,) = pdf.pages
            assert "Date" not in "".join(pdf.info)
        for points, millimetres in ((page.width, drawing.width_mm), (page.height, drawing.height_mm)):
            assert float(points) * 25.4 / 72 == pytest.approx(millimetres, abs=0.5), name
        assert float(svg.get("width", "").removesuffix("pt")) == pytest.approx(float(page.width), abs=1)
        header, *rows = csv.reader(io.StringIO(files[f"{name}.csv"].decode("utf-8")))
        assert rows and {len(row) for row in rows} == {len(header)}, name
        assert all(re.fullmatch(r"[a-z_]+\d*", column) for column in header), name


def test_the_picture_of_the_report_is_that_of_the_files(
    drawings: dict[str, Drawing], files: dict[str, bytes]
) -> None:
    """A vector figure is the same file; one of pictures has the same words in its vector form."""
    for name, drawing in drawings.items():
        if drawing.media == "image/svg+xml":
            assert files[f"{name}.svg"] == drawing.data
    words = read_words("ru")
    text = "".join(ElementTree.fromstring(files["confusion.svg"]).itertext())
    assert words.axis["predicted_class"] in text


def test_the_same_results_give_the_same_files(data: ReportData, files: dict[str, bytes]) -> None:
    words = read_words("ru")
    again = figure_files(draw_all(data, words, Numbers.of(words)))
    assert [name for name in files if again[name] != files[name]] == []


def test_tables_do_not_depend_on_the_language(data: ReportData, files: dict[str, bytes]) -> None:
    words = read_words("en")
    english = figure_files(draw_all(data, words, Numbers.of(words)))
    tables = [name for name in files if name.endswith(".csv")]
    assert [name for name in tables if english[name] != files[name]] == []
    assert english["arms.svg"] != files["arms.svg"]


def _drawn(figure: Figure, axis: int) -> np.ndarray:
    """All coordinates on an axis of lines, error bars, bands and points in the units of the data."""
    found = []
    for axes in figure.axes:
        for line in axes.lines:
            if line.get_transform() == axes.transData and line.get_linestyle() != ":":
                found.append(np.asarray(line.get_xydata(), dtype=float)[:, axis])
        for item in axes.collections:
            if isinstance(item, LineCollection):
                found += [np.asarray(segment)[:, axis] for segment in item.get_segments()]
            elif isinstance(item, PathCollection):
                found.append(np.asarray(item.get_offsets(), dtype=float)[:, axis])
            elif isinstance(item, PolyCollection):
                found += [path.vertices[:, axis] for path in item.get_paths()]
    values = np.concatenate(found)
    return values[np.isfinite(values)]


@pytest.mark.parametrize("name", MEASURED)
def test_every_number_that_is_drawn_stands_in_the_table(name: str, drawings: dict[str, Drawing]) -> None:
    drawing = drawings[name]
    cells = [cell for row in drawing.plotted.rows for cell in row]
    known = np.sort(np.array([float(cell) for cell in cells if isinstance(cell, int | float)]))
    values = _drawn(drawing.figure, MEASURED[name])
    assert len(values) >= min(10, len(drawing.plotted.rows))
    place = np.clip(np.searchsorted(known, values), 1, len(known) - 1)
    off = np.minimum(abs(known[place] - values), abs(known[place - 1] - values))
    assert off.max() < 1e-9, values[off.argmax()]


def test_contrasts_are_those_of_the_analysis(data: ReportData, files: dict[str, bytes]) -> None:
    shown = _table(files, "contrasts")
    rows = data.contrasts.set_index(["name", "model"])
    assert len(shown) == 13 and set(shown["network"]) == {"vgg11", "googlenet", "pooled", "all"}
    for row in shown.to_dict("records"):
        found = rows.loc[(row["contrast"], row["network"])]
        for name in ("effect_pp", "ci_low_pp", "ci_high_pp"):
            assert row[name] == found[name]


def test_accuracies_of_arms_are_those_of_the_results(whole: Path, files: dict[str, bytes]) -> None:
    shown = _table(files, "arms")
    results = _stored(whole / "results.csv")
    results = results[results["role"] == "matrix"]
    for quantity, column in (("mean test", "test_accuracy"), ("mean training", "train_accuracy")):
        means = shown[shown["quantity"] == quantity].set_index(ARM)["accuracy_pct"]
        expected = 100 * results.groupby(ARM)[column].mean()
        assert len(means) == 12
        pd.testing.assert_series_equal(means.sort_index(), expected.sort_index(), check_names=False)
    seeds = shown[shown["quantity"] == "test"].set_index([*ARM, "seed"])["accuracy_pct"]
    expected = 100 * results.set_index([*ARM, "seed"])["test_accuracy"]
    assert len(seeds) == 36
    pd.testing.assert_series_equal(
        seeds.sort_index(), expected.sort_index(), check_names=False, check_index_type=False
    )


def test_points_over_the_length_are_those_of_the_rungs(whole: Path, files: dict[str, bytes]) -> None:
    shown = _table(files, "lengths").rename(columns={"images": "rung"})
    shown["rung"] = shown["rung"].astype(int)
    keys = [*ARM, "rung"]
    of = _stored(whole / "rungs.csv").groupby(keys)
    for column, expected in (
        ("test_accuracy_pct", 100 * of["test_accuracy"].mean()),
        ("seconds", of["seconds"].mean()),
    ):
        found = shown.set_index(keys)[column]
        pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_names=False)


def test_the_confusion_matrix_is_that_of_the_champion(data: ReportData, files: dict[str, bytes]) -> None:
    assert data.champion is not None
    shown = _table(files, "confusion")
    expected = data.confusion(data.champion.arm)
    assert expected is not None and len(shown) == 100
    shares = shown.pivot(index="true_class", columns="predicted_class", values="share_pct")
    assert np.array_equal(shares.to_numpy(), expected)


def test_the_curve_of_the_champion_is_its_history(whole: Path, files: dict[str, bytes]) -> None:
    shown = _table(files, "champion")
    history = _stored(whole / "history.csv")
    own = history[history["run_id"].str.contains("champion")].sort_values("samples_seen")
    assert shown["images"].tolist() == own["samples_seen"].tolist()
    assert shown["training_loss_nats"].tolist() == own["train_loss"].tolist()
    looked = own["val_loss"].notna().to_numpy()
    assert 1 < looked.sum() < len(looked)
    assert shown["validation_loss_nats"].notna().tolist() == looked.tolist()
    accuracy = shown["validation_accuracy_pct"][looked]
    assert accuracy.to_numpy() == pytest.approx(100 * own["val_accuracy"][looked].to_numpy())


def test_pictures_are_tables_of_their_pixels(whole: Path, files: dict[str, bytes]) -> None:
    shown = _table(files, "examples").set_index(["class", "picture"])
    with np.load(whole / "artifacts" / "dataset.npz") as stored:
        examples = stored["examples"]
    assert shown.shape == (60, 784)
    for (label, picture), pixels in shown.iterrows():
        assert np.array_equal(pixels.to_numpy(), examples[label, picture - 1].ravel())


def test_a_cell_that_a_spreadsheet_would_run_is_neutral() -> None:
    plotted = Plotted("stage", "value")
    plotted.add("=1+1", float("nan"))
    assert plotted.text() == "stage,value\n'=1+1,\n"
    with pytest.raises(ValueError, match="3 cells for 2 columns"):
        plotted.add("a", 1, 2)


def test_the_page_of_results_names_every_column(drawings: dict[str, Drawing]) -> None:
    rows = dict(re.findall(r"^\| `figures/([\w-]+)\.\*` \|(.*)$", DOCS.read_text(encoding="utf-8"), re.M))
    for name, drawing in drawings.items():
        row = rows[re.sub(r"-(vgg11|googlenet|resnet18)$", "-NETWORK", name)]
        named = re.findall(r"`(\w+)`", row)
        shown = [column for column in drawing.plotted.columns if not re.fullmatch(r"[a-z]+\d+", column)]
        numbered = [column for column in drawing.plotted.columns if re.fullmatch(r"[a-z]+1", column)]
        assert named == [*shown, *numbered], name


def test_the_verb_replaces_the_folder_and_names_it_in_its_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, out = plant(tmp_path / "results", bare=True), tmp_path / "out"
    examples = np.arange(10 * 6 * 28 * 28, dtype=np.uint8).reshape(10, 6, 28, 28)
    (results / "artifacts").mkdir()
    write_arrays(results / "artifacts" / "dataset.npz", {"examples": examples})
    (out / "figures").mkdir(parents=True)
    for name in ("arms.svg", "labels.png", "holiday.png"):
        (out / "figures" / name).write_bytes(b"old")
    command = ["report", f"--results-dir={results}", f"--report-dir={out}"]
    assert main([*command, "--defence"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"figures as SVG, PDF and CSV: {out / 'figures'}"
    assert f"for the defence: {out / 'defence.pdf'}" in told
    expected = {"holiday.png", *(f"examples.{form}" for form in FORMS)}
    assert {path.name for path in (out / "figures").iterdir()} == expected
    assert (out / "defence.pdf").read_bytes().startswith(b"%PDF")
    assert {path.name for path in out.iterdir()} == {
        ".lock",
        "defence.pdf",
        "figures",
        *(f"report.{end}" for end in ("check.json", "docx", "html", "pdf")),
    }
    before = (out / "figures").stat()
    assert main([*command, "--draft"]) == 0
    assert "figures" not in capsys.readouterr().out
    after = (out / "figures").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
