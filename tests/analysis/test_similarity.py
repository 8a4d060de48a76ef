"""Where activations changed: planted similarities give the verdicts and the words that were planted."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from phrases import LANGUAGES, phrase
from planting import Planted
from rendering import render_answer

from study.analysis import Analysis
from study.analysis.verdicts import Reason, Verdict

Study = Callable[[Planted], tuple[Path, Analysis]]
EARLY, LATE = "Первая часть сохранила активации лучше", "Последняя часть сохранила активации лучше"
LESS, MORE = "сохранили активации основы лучше единой.", "изменили активации основы сильнее единой."


@pytest.mark.parametrize(
    ("truth", "verdict", "said", "not_said"),
    [
        (Planted(cka_early=0.3), Verdict.SUPPORTED, EARLY, LATE),
        (Planted(cka_early=-0.3), Verdict.REFUTED, LATE, EARLY),
    ],
)
def test_the_stages_that_changed_are_found(
    study: Study, truth: Planted, verdict: Verdict, said: str, not_said: str
) -> None:
    folder, analysis = study(truth)
    found = analysis.by_id()["q4.cka.vgg11"]
    assert found.verdict is verdict
    assert found.numbers["difference"] == pytest.approx(truth.cka_early + 0.004, abs=1e-6)
    assert [stage["name"] for stage in found.numbers["stages"]] == ["stem", "middle", "deep"]
    assert found.numbers["lowest_stage"] == (3 if truth.cka_early > 0 else 1)
    assert len(found.rows) == truth.seeds
    for lang in LANGUAGES:
        text = render_answer(folder, "q4", lang)
        assert phrase(said, lang) in text and phrase(not_said, lang) not in text


@pytest.mark.parametrize(
    ("truth", "verdict", "said", "not_said"),
    [
        (Planted(cka_policy=0.1), Verdict.SUPPORTED, LESS, MORE),
        (Planted(cka_policy=-0.1), Verdict.REFUTED, MORE, LESS),
    ],
)
def test_what_the_rates_kept_is_found(
    study: Study, truth: Planted, verdict: Verdict, said: str, not_said: str
) -> None:
    folder, analysis = study(truth)
    found = analysis.by_id()["q5.cka.googlenet"]
    assert found.verdict is verdict
    assert found.numbers["difference"] == pytest.approx(truth.cka_policy + 0.002)
    assert found.numbers["uniform_cka"] == pytest.approx(0.5)
    assert len(found.rows) == 2 * truth.seeds
    for lang in LANGUAGES:
        text = render_answer(folder, "q5", lang)
        assert phrase(said, lang) in text and phrase(not_said, lang) not in text


def test_two_seeds_make_no_claim(study: Study) -> None:
    folder, analysis = study(Planted(seeds=2))
    for name in ("q4.cka.vgg11", "q5.cka.vgg11"):
        found = analysis.by_id()[name]
        assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.FEW_PAIRS)
    for lang in LANGUAGES:
        assert phrase(EARLY, lang) not in render_answer(folder, "q4", lang)
        assert phrase(LESS, lang) not in render_answer(folder, "q5", lang)


def test_studies_without_similarities_do_not_speak_of_them(study: Study) -> None:
    folder, analysis = study(Planted(seeds=2, cka_early=math.nan))
    assert analysis.by_id()["q4.cka.vgg11"].verdict is Verdict.NOT_MEASURED
    assert analysis.by_id()["q4.drift.vgg11"].verdict is not Verdict.NOT_MEASURED
    for lang in LANGUAGES:
        assert not [name for name in ("q4", "q5") if "CKA" in render_answer(folder, name, lang)]
