"""The sheet for the defence: two pages, numbers of the study alone, and an answer for every study."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from defence_studies import STUDIES, json_in
from planted import plant
from printed_numbers import Language, plain, typed_numbers
from shared import Shared

from study.analysis import analyse
from study.analysis.verdicts import Verdict
from study.datasets import FASHION_MNIST
from study.report import build
from study.report.build import to_pdf, to_sheet
from study.report.data.defence import TIMES, questions
from study.report.data.derived import Reading
from study.report.data.report_data import ReportData
from study.report.form_check.accessibility import read_access
from study.report.form_check.pdf import read_pdf
from study.report.locale.messages import TEMPLATES, languages, read_words
from study.report.locale.number_format import Numbers
from study.report.text.defence import MOST_PAGES, SIZES, compose_defence
from study.report.text.title_page import TitlePage

SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "results"
LANGUAGES = pytest.mark.parametrize("lang", languages())


def _sheet(data: ReportData, lang: str, title: TitlePage | None = None, size: float = SIZES[0]) -> str:
    words = read_words(lang, data.models)
    page = title or TitlePage(year="2031")
    return compose_defence(data, words, Numbers.of(words), page, lang=lang, size=size)


def _raw(html: str) -> str:
    """The text with its no-break spaces."""
    return plain(re.sub(r"<(style|title)>.*?</\1>|</?code>", "", html, flags=re.S))


def _text(html: str) -> str:
    return " ".join(_raw(html).split())


@pytest.fixture(scope="module")
def study(shared: Shared) -> Callable[[str], ReportData]:
    def of(name: str) -> ReportData:
        settings, changes = STUDIES[name]

        def make(folder: Path) -> None:
            plant(folder / "results", **settings)
            for change in changes:
                change(folder / "results")

        folder = shared.folder(f"defence-{name.replace(' ', '-')}", make) / "results"
        return ReportData.of(analyse(folder))

    return of


@pytest.fixture(scope="module")
def sample() -> ReportData:
    return ReportData.of(analyse(SAMPLE))


def _every_contrast_better(data: ReportData) -> ReportData:
    found = [
        replace(finding, verdict=Verdict.BETTER) if "contrast" in finding.numbers else finding
        for finding in data.analysis.findings
    ]
    return replace(data, analysis=replace(data.analysis, findings=found))


def _said(data: ReportData) -> dict[str, list[str]]:
    """Names of the sentences by question."""
    return {question.name: [each.name for each in question.answer] for question in questions(data)}


def _macros(lang: str) -> set[str]:
    """The sentences of a language; names that begin with an underscore are parts of sentences."""
    text = (TEMPLATES / lang / "answers" / "defence.html").read_text(encoding="utf-8")
    return {name for name in re.findall(r"{% macro (\w+)\(", text) if not name.startswith("_")}


@LANGUAGES
@pytest.mark.parametrize("name", ["sample", "usual", "no longer gaining", "no pretrained arm"])
def test_it_has_two_pages_at_most(
    name: str,
    lang: str,
    study: Callable[[str], ReportData],
    sample: ReportData,
    tmp_path: Path,
) -> None:
    data = sample if name == "sample" else study(name)
    words = read_words(lang, data.models)
    sheet = to_sheet(data, words, Numbers.of(words), TitlePage(year="2031"), lang=lang)
    assert sheet.pages <= MOST_PAGES
    path = tmp_path / "defence.pdf"
    path.write_bytes(sheet.content)
    pdf = read_pdf(path)
    assert [round(pdf.pages[0].width), round(pdf.pages[0].height)] == [595, 842]
    squeezed = "".join(char.text.strip() for page in pdf.pages for char in page.chars)
    for place, question in enumerate(questions(data), start=1):
        text = f"{place}. {words.defence['question'][question.name]}"
        assert "".join(text.split()) in squeezed
    access = read_access(pdf)
    assert access.tagged and access.language == lang and access.pdf_ua and not access.skipped_levels
    sizes = {round(char.size, 1) for page in pdf.pages for char in page.chars if char.text.isalpha()}
    assert min(sizes - {round(0.7 * size, 1) for size in SIZES}) >= 9.0
    assert any(round(size, 1) in sizes for size in SIZES)


def test_letters_shrink_before_there_is_a_third_page_and_one_is_told(
    study: Callable[[str], ReportData], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data, words = study("usual"), read_words("ru")
    assert to_pdf(_sheet(data, "ru", size=30)).pages > MOST_PAGES
    monkeypatch.setattr(build, "SIZES", (30.0, *SIZES))
    page = TitlePage(year="2031")
    assert build.to_sheet(data, words, Numbers.of(words), page, lang="ru").pages <= MOST_PAGES
    monkeypatch.setattr(build, "SIZES", (30.0,))
    result = build.build_report(data.analysis, tmp_path, draft=True, defence=True)
    assert any(re.search(r"sheet for the defence has \d+ pages", str(each)) for each in result.problems)


@LANGUAGES
def test_every_sentence_is_said_in_some_study(
    lang: str, study: Callable[[str], ReportData], sample: ReportData
) -> None:
    """Every branch renders, and no language has a sentence that another lacks or nobody says."""
    said = {name for names in _said(sample).values() for name in names}
    asked = set(_said(sample))
    for name in STUDIES:
        data = study(name)
        for each in (data, _every_contrast_better(data)) if name == "usual" else (data,):
            html = _sheet(each, lang)
            text = _text(html)
            assert "Undefined" not in html and "{" not in text, name
            assert not re.search(r"\bNone\b(?! of)|\bnan\b|п\. п\.\.|\.\.|\( | [,;.]", text), name
            found = _said(each)
            said |= {sentence for names in found.values() for sentence in names}
            asked |= set(found)
    assert said == _macros(lang)
    assert asked == set(read_words(lang).defence["question"])


CASES = {
    "usual": ("baseline_above", "Свёртка ищет один и тот же признак", "A convolution looks for"),
    "no champion": ("epochs", "в бюджет времени не поместилась", "did not fit the time budget"),
    "below the baseline": (
        "baseline_below",
        "сеть не выучила признаков, которые лучше пикселей",
        "the network learned no features better than pixels",
    ),
    "overfitted": ("baseline_below", "Сеть переобучена", "The network overfits"),
    "at the baseline": (
        "baseline_unclear",
        "превосходство над регрессией не считается установленным",
        "no superiority over the regression is established",
    ),
    "above in every arm": ("baseline_above", "Ни один из 12 обученных вариантов", "None of the 12 trained"),
    "no baseline": ("baseline", "сравнить не с чем", "nothing to compare with"),
    "no pretrained arm": ("imagenet", "предобученных весов не было", "there were no pre-trained weights"),
    "ImageNet": ("imagenet", "использованы сами веса ImageNet-1K", "ImageNet-1K weights themselves"),
    "own weights": ("imagenet", "использованы собственные веса", "weights given by the user were used"),
    "one seed": ("intervals", "интервалов у сравнений нет", "the comparisons have no intervals"),
    "unequal seeds": ("intervals", "от 2 до 3", "from 2 to 3"),
    "no predictions": ("intervals", "вошёл не во все интервалы", "Not all intervals contain"),
    "unequal trials": ("rates", "не поровну", "did not receive equal numbers"),
    "best rates inside": ("rates", "Ни у одного из 12 вариантов", "For none of the 12 variants"),
    "witness": ("imagenet", "EfficientNet-Lite0", "EfficientNet-Lite0"),
    "one network not trained": (
        "epochs",
        "GoogLeNet: завершённых обучений нет",
        "GoogLeNet: there are no finished training runs",
    ),
    "no time known": ("budget", "Без оценки или за пределами", "Without an estimate"),
    "no longer gaining": ("budget", "не выросла", "did not rise"),
    "no runs": ("baseline", "ответа пока нет", "no answer yet"),
}


@LANGUAGES
@pytest.mark.parametrize("name", CASES)
def test_a_study_gets_its_own_answer(name: str, lang: str, study: Callable[[str], ReportData]) -> None:
    """The answer to one question says what holds for the study; that of the usual study does not."""
    question, *phrases = CASES[name]
    phrase = dict(zip(("ru", "en"), phrases, strict=True))[lang]
    asked = read_words(lang).defence["question"]
    answers = [_answers(_sheet(study(each), lang)) for each in (name, "usual")]
    assert phrase in answers[0][asked[question]]
    if name != "usual":
        assert phrase not in answers[1].get(asked[question], "")


def _answers(html: str) -> dict[str, str]:
    """The text of each answer by its question."""
    found = re.findall(r"<h2>\d+\. (.*?)</h2>\s*<p>(.*?)</p>", html, re.S)
    assert len(found) == 8
    return {_text(asked): _text(answer) for asked, answer in found}


def test_what_is_said_of_one_seed_and_of_imagenet_excludes_its_opposite(
    study: Callable[[str], ReportData],
) -> None:
    one = _said(study("one seed"))
    assert {"one_pair", "one_seed"} <= {*one["verdicts"], *one["intervals"]}
    assert not {"covers_zero", "multiplicity", "detectable"} & set(one["verdicts"])
    assert not {"paired_seeds", "with_images", "few_seeds"} & set(one["intervals"])
    assert one["rates"][0] == "untuned" and len(one["rates"]) == 1
    imagenet = _said(study("ImageNet"))["imagenet"]
    assert not {"witness", "no_witness", "imagenet_expected", "weights_fractal"} & set(imagenet)
    assert "few_seeds" not in _said(study("five seeds"))["intervals"]


def _known(data: ReportData, language: Language) -> set[str]:
    """How every number of the analysis and of the tables may be printed."""
    write, known = language.write, set[str]()
    for finding in data.analysis.findings:
        known |= language.printed("", finding.to_dict()["numbers"])
        known |= {str(len(value)) for value in finding.numbers.values() if isinstance(value, list)}
        known |= {
            write(value / 1e6, 2)
            for name, value in finding.numbers.items()
            if name.startswith("trainable") and value
        }
    known |= {text for number in _of_tables(data) for text in language.printed(*number)}
    rates = [*data.trials["lr"], *data.rungs["lr"], *data.results["lr"]]
    numbers = Numbers.of(read_words("ru" if language.decimal == "," else "en"))
    known |= {plain(str(numbers.rate(rate))) for rate in rates if rate == rate}
    rungs = {*data.rungs["rung"].dropna(), *data.results["rung"].dropna()}
    known |= {write(count / FASHION_MNIST.train_images, digits) for count in rungs for digits in (1, 2)}
    return known | _counts(data)


def _of_tables(data: ReportData) -> Iterator[tuple[str, Any]]:
    """Names and values of numbers that stand in tables and plan rather than in a finding."""
    yield "count", FASHION_MNIST.train_images
    yield "seconds", data.plan["budget_seconds"]
    yield "seconds", TIMES * data.plan["budget_seconds"]
    for item in Reading(data).left_out():
        yield "seconds", item.seconds
        yield "count", int(item.value)
    for table in (data.rungs, data.results, data.trials):
        yield "samples", [int(rung) for rung in table["rung"].dropna()]
        yield "images", [int(count) for count in table["test_images"].dropna()]
    yield "lr_decay", data.trials["lr_decay"].dropna().tolist()
    keys = ["model", "init", "scope", "lr_policy", "rung"]
    yield "accuracy", data.rungs.groupby(keys)["test_accuracy"].mean().tolist()
    champion = data.results[data.results["role"] == "champion"]
    yield "seconds", champion["train_seconds"].tolist()


def _counts(data: ReportData) -> set[str]:
    """Counts of arms, trials, seeds and verdicts, from the tables."""
    contrasts = data.contrasts[data.contrasts["family"] != "exploratory"].dropna(subset=["effect_pp"])
    lost = contrasts[contrasts["verdict"] == "not established"]
    covers = (lost["ci_low_pp"] <= 0) & (lost["ci_high_pp"] >= 0)
    tried = Reading(data).tried()
    below = next(f.numbers["below_pixels"] for f in data.analysis.findings if f.id == "adequacy")
    finished = data.rungs[data.rungs["state"] == "finished"]
    counts = {
        len(contrasts),
        len(lost),
        int(covers.sum()),
        int((~covers).sum()),
        len(tried),
        sum(each.at_edge for each in tried),
        len(data.trials),
        sum("scratch-frozen" in name for name in below),
        finished["seed"].nunique(),
        TIMES,
        1,  # the margin of equivalence in percentage points
    }
    return {str(count) for count in counts}


@LANGUAGES
@pytest.mark.parametrize("name", ["sample", "usual", "below the baseline", "witness", "five seeds"])
def test_every_number_is_one_of_the_study(
    name: str, lang: str, study: Callable[[str], ReportData], sample: ReportData
) -> None:
    data = sample if name == "sample" else study(name)
    language = Language(read_words(lang))
    files = [TEMPLATES / lang / "answers" / f"{part}.html" for part in ("defence", "_claims")]
    constants = {number for path in files for number in typed_numbers(path.read_text("utf-8"), language)}
    known = _known(data, language)
    html = re.sub(r"<h2>.*?</h2>", "", _sheet(data, lang), flags=re.S)
    shown = language.numbers(_raw(html))
    assert [number for number in shown if number not in known | constants] == []
    assert sum(number in known - constants for number in shown) > 50


@LANGUAGES
def test_no_result_is_typed_into_a_sentence(lang: str) -> None:
    """The level of the intervals and the power of a detectable effect alone stand in the sentences."""
    language = Language(read_words(lang))
    text = (TEMPLATES / lang / "answers" / "defence.html").read_text(encoding="utf-8")
    assert typed_numbers(text, language) == {"95", language.write(0.8, 1)}


@LANGUAGES
def test_text_from_outside_is_printed_as_it_is(lang: str, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> {{ 7*7 }} \ue000ref:fig-arms\ue001"
    results = plant(tmp_path / "results", seeds=2, source="<b>own</b>", models=("googlenet",))
    json_in("plan.json", lambda plan: plan["left_out"].append({"what": "<img src=x>", "needs_seconds": 9}))(
        results
    )
    json_in("plan.json", lambda plan: plan["left_out"].append({"what": "rung {0.__class__}"}))(results)
    data = ReportData.of(analyse(results))
    html = _sheet(data, lang, TitlePage(lab_title=hostile))
    assert "<script" not in html and "<img" not in html and "<b>" not in html and "__class__" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }} \ufffdref:fig-arms\ufffd" in html
