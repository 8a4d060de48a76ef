"""The report built from planted results: form, truth of its numbers, hostile and partial input."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from planted import plant

from study.analysis import analyse, write_analysis
from study.cli import main
from study.report.build import to_pdf
from study.report.data.listings import read_listings
from study.report.data.report_data import ReportData
from study.report.figures import FIGURES
from study.report.figures.style import look
from study.report.form_check.pdf import read_pdf
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers
from study.report.text.title_page import read_title_page

if TYPE_CHECKING:
    from conftest import Built, Composer


def _plain(html: str) -> str:
    html = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def test_report_is_in_good_form(built: Built) -> None:
    assert built.problems == ()
    assert built.pages >= 18
    assert {path.name for path in built.folder.iterdir()} == {
        "figures",
        "report.check.json",
        "report.docx",
        "report.html",
        "report.pdf",
    }


def test_report_is_self_contained(built: Built) -> None:
    fetched = re.findall(r'(?:src|<link [^>]*href)="([^"]{1,40})', built.html)
    assert fetched and all(address.startswith("data:image/") for address in fetched)
    before, sources, _ = built.html.partition('<ol class="sources">')
    assert sources and all(a.startswith("#") for a in re.findall(r'<a [^>]*href="([^"]*)', before))
    assert "url(" not in built.html


def test_one_seed_claims_nothing(built: Built) -> None:
    text = _plain(built.html)
    assert "одно обучение, интервал не определён" in text
    results = built.html.partition('id="sec-4"')[2].partition('id="sec-5"')[0]
    assert results and "значим" not in _plain(results)


def test_formula_driven_pretraining_is_never_called_imagenet(built: Built) -> None:
    pattern = r"<(?:figcaption|p class=\"tcaption\"[^>]*)>(.*?)</(?:p|figcaption)>"
    captions = re.findall(pattern, built.html, re.S)
    assert captions
    for caption in captions:
        assert not re.search(r"ImageNet-1K|IMAGENET", caption)
    assert "предобучение: фракталы, без ImageNet; разрешение 32" in _plain(built.html)


def test_main_table_prints_the_numbers_of_the_csv(tmp_path: Path, composer: Composer, words: Words) -> None:
    results = plant(tmp_path, seeds=3, trials=0, artifacts=False)
    text = _plain(composer(results))
    table = pd.read_csv(results / "results.csv")
    table = table[table["role"] == "matrix"]
    keys = ["model", "init", "scope", "lr_policy"]
    for _, group in table.groupby(keys):
        mean = f"{100 * group['test_accuracy'].mean():.2f}".replace(".", ",")
        assert f" {mean} " in text
    baselines = pd.read_csv(results / "baselines.csv").set_index("name")["test_accuracy"]
    for name in ("chance", "softmax on pixels"):
        accuracy = f"{100 * baselines[name]:.2f}".replace(".", ",")
        assert f"{words.baseline[name]} – – – {accuracy} " in text


def test_flipped_results_flip_the_sentences(tmp_path: Path, composer: Composer) -> None:
    better = _plain(composer(plant(tmp_path / "a", seeds=3, trials=0)))
    worse = _plain(composer(plant(tmp_path / "b", seeds=3, trials=0, scratch_bonus=0.08)))
    pattern = r"предобучение при обучении всей сети – ([^(]*) \(VGG11"
    claims = [re.findall(pattern, text) for text in (better, worse)]
    assert claims == [["точнее"], ["уступает"]]
    best = [re.findall(r"получена для варианта «(.*?)»", text)[0] for text in (better, worse)]
    assert "предобученная" in best[0] and "с нуля" in best[1]


def test_imagenet_report_says_so(tmp_path: Path, composer: Composer) -> None:
    text = _plain(composer(plant(tmp_path, seeds=1, trials=0, source="imagenet1k_v1")))
    assert "предобучение: ImageNet-1K" in text
    assert "фракталы, без ImageNet" not in text


@pytest.mark.parametrize(("source", "averaged"), [("imagenet1k_v1", True), ("fractal", False)])
def test_first_convolutions_that_were_tried_are_tabled(
    source: str, averaged: bool, tmp_path: Path, composer: Composer
) -> None:
    results = plant(tmp_path, seeds=2, source=source, models=("googlenet",))
    text = _plain(composer(results))
    assert "Начало первого свёрточного слоя и доля верных ответов GoogLeNet на тесте" in text
    assert ("Среднее по каналам" in text) is averaged
    assert ("Сумма по каналам (основной способ)" in text) is averaged
    assert ("Предобученные веса одноканальные" in text) is not averaged
    table = pd.read_csv(results / "experiments.csv")
    fresh = table[table["first_conv"] == "fresh"]["test_accuracy"]
    assert f"Случайный {100 * fresh.mean():.2f}".replace(".", ",") in text


def test_similarity_is_drawn_under_the_drift_where_it_is_stored(
    tmp_path: Path, composer: Composer, words: Words, numbers: Numbers
) -> None:
    data = ReportData.of(analyse(plant(tmp_path, seeds=2, trials=0, models=("googlenet",))))
    older = ReportData.of(replace(data.analysis, sources=replace(data.tables, cka={})))
    with look():
        drawings = [FIGURES["drift"](item, words, numbers) for item in (data, older)]
    both, one = (drawing for drawing in drawings if drawing is not None)
    assert words.axis["cka"].encode() in both.data and words.axis["cka"].encode() not in one.data
    assert both.height_mm > one.height_mm
    assert "Нижние графики" in _plain(composer(data, drawings={"drift": both}))
    assert "Нижние графики" not in _plain(composer(older, drawings={"drift": one}))


@pytest.mark.parametrize("case", ["bare", "missing", "no artifacts", "one network", "unfinished"])
def test_partial_results_give_a_report(case: str, tmp_path: Path, composer: Composer) -> None:
    arms = ("frozen", "full-uniform", "full-discriminative")
    absent = tuple(f"{model}-pretrained-{arm}" for model in ("vgg11", "googlenet") for arm in arms)
    if case == "bare":
        html = composer(plant(tmp_path, bare=True, finished=False))
        assert "ни одно итоговое обучение не завершено" in _plain(html)
    elif case == "missing":
        html = composer(plant(tmp_path, seeds=1, trials=0, missing=absent))
        assert "не хватило бюджета времени" in _plain(html)
    elif case == "no artifacts":
        html = composer(plant(tmp_path, seeds=2, artifacts=False))
        assert "матрицы ошибок не приводятся" in _plain(html)
    elif case == "one network":
        html = composer(plant(tmp_path, seeds=2, trials=0, models=("vgg11",)))
        assert "Таблица" in html
    else:
        html = composer(plant(tmp_path, seeds=1, trials=0, finished=False))
        assert "до окончания исследования" in _plain(html)
    assert "Undefined" not in html and "nan" not in _plain(html).lower().split()


def test_hostile_title_page_is_printed_literally(tmp_path: Path, composer: Composer) -> None:
    hostile = {
        "student": "<script>alert(1)</script>",
        "teacher": "{{ 7*7 }}",
        "university": '"><img src="file:///etc/passwd">',
        "faculty": "=cmd|' /C calc'!A0",
        "city": "../../etc",
        "department": "\ue000ref:fig-arms\ue001",
    }
    path = tmp_path / "title.yaml"
    path.write_text(json.dumps(hostile), encoding="utf-8")
    html = composer(plant(tmp_path / "results", bare=True), read_title_page(path))
    assert "<script>" not in html and "file:" not in re.sub(r"&[^;]+;|>[^<]*<", "", html)
    title = html[: html.index("<section")] + "</body></html>"
    (tmp_path / "report.pdf").write_bytes(to_pdf(title)[0])
    page = read_pdf(tmp_path / "report.pdf").pages[0]
    text = " ".join(line.text for line in page.lines)
    for name in ("student", "teacher", "university", "faculty", "city"):
        assert hostile[name] in text


def test_last_good_report_stays_when_building_fails(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.pdf").write_bytes(b"good")
    (plant(tmp_path / "results", bare=True) / "results.csv").write_bytes(b'"\x00\xff')
    for name in ("absent", "results"):
        assert main(["report", "--results-dir", str(tmp_path / name), "--report-dir", str(out)]) == 2
    assert not (tmp_path / "absent").exists()
    assert (out / "report.pdf").read_bytes() == b"good"
    assert [path.name for path in out.iterdir()] == ["report.pdf"]


def test_results_are_read_once(tmp_path: Path, composer: Composer) -> None:
    results = plant(tmp_path, seeds=2, trials=4, models=("googlenet",))
    before = ReportData.of(analyse(results))
    drawings = composer.draw(before)
    html = composer(before, drawings=drawings)
    after = ReportData.of(write_analysis(results))
    shutil.rmtree(results)
    assert {name: drawing.data for name, drawing in composer.draw(after).items()} == {
        name: drawing.data for name, drawing in drawings.items()
    }
    assert composer(after, drawings=drawings) == html


def test_damaged_artifact_costs_only_its_picture(tmp_path: Path, composer: Composer) -> None:
    results = plant(tmp_path, seeds=1, trials=0, models=("googlenet",))
    (results / "artifacts" / "dataset.npz").write_bytes(b"PK\x03\x04 torn")
    data = ReportData.of(analyse(results))
    assert data.artifacts.damaged == ("dataset.npz",)
    assert "examples" not in composer.draw(data)


def test_listings_are_cut_at_their_marks(tmp_path: Path) -> None:
    package = tmp_path / "study"
    package.mkdir()
    (package / "a.py").write_text(
        "x = 1\n    # [listing: adapt]\n    y = 2  # type: ignore[int]\n    if y:\n        z = 3\n"
        "    # [/listing]\n"
        '# [listing: head]\ndef f():\n    """Short.\n\n    Long.\n    """\n'
        '    return """a\nb"""\n# [/listing]\n'
        "# [listing: open]\nnever closed\n",
        encoding="utf-8",
    )
    found = read_listings(package)
    assert {name: item.code for name, item in found.items()} == {
        "adapt": "y = 2\nif y:\n    z = 3",
        "head": 'def f():\n    """Short."""\n    return """a\nb"""',
    }
    assert found["adapt"].path == "study/a.py"


@pytest.mark.parametrize(
    ("kind", "russian", "english"),
    [
        ("storage_rebuilt", "восстановлен по журналу исследования", "was rebuilt from the study’s ledger"),
        ("tuning_shortened", "подбор гиперпараметров закончен раньше", "the tuning was ended early"),
        ("finals_reduced", "проведено меньше намеченного", "Fewer or shorter main training runs"),
        ("cuda_missing", "Графический ускоритель недоступен", "No graphics processor was available"),
        ("machine_changed", "программ (as it was): время одних", "versions (as it was): times measured"),
    ],
)
def test_an_event_is_told_in_every_language(
    kind: str, russian: str, english: str, composer: Composer, tmp_path: Path
) -> None:
    results = plant(tmp_path / "r", seeds=1, trials=0, models=("googlenet",))
    path = results / "environment.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    event = {"kind": kind, "model": None, "detail": "as it was"}
    path.write_text(json.dumps(facts | {"events": [event]}), encoding="utf-8")
    assert russian in composer(results)
    assert english in composer.of("en")(results)


@pytest.mark.parametrize(
    ("seeds", "russian", "english"),
    [
        (
            3,
            "если p с поправкой не превышает 0,05; «равноценны» – если интервал целиком лежит в пределах "
            "±1 п. п.",
            "if the corrected p is at most 0.05; “equivalent” if the interval lies wholly within ±1 pp",
        ),
        (1, "По одному повтору гипотезы не проверяются", "With one repetition no hypotheses are tested"),
    ],
)
def test_the_printed_rule_is_that_of_the_verdicts(
    seeds: int, russian: str, english: str, composer: Composer, tmp_path: Path
) -> None:
    results = plant(tmp_path / "r", seeds=seeds, trials=0, models=("googlenet",), artifacts=False)
    assert russian in _plain(composer(results))
    assert english in _plain(composer.of("en")(results))


def test_trials_are_called_equal_only_where_they_are(composer: Composer, tmp_path: Path) -> None:
    results = plant(tmp_path / "r", seeds=1, trials=2, models=("googlenet",))
    assert "получали их поровну" in composer(results)
    path = results / "trials.csv"
    pd.read_csv(path).iloc[:-1].to_csv(path, index=False)
    assert "получили их не поровну" in composer(results)
    assert "did not receive equal numbers" in composer.of("en")(results)
