"""Flip the data and the sentence flips: rendered answers of every language against planted truths."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from phrases import LANGUAGES, phrase
from planting import Planted, plant
from rendering import ANSWERS, EVERYTHING, environment, plain, render_answer, render_html

from study.analysis import Analysis, write_analysis
from study.datasets import FASHION_MNIST
from study.matrix import arms
from study.networks import GOOGLENET
from study.spec import Init

ALL_ARMS = tuple(arm.name for arm in arms())
PRETRAINED_ARMS = tuple(arm.name for arm in arms() if arm.init is Init.PRETRAINED)
BETTER = "предобученная сеть точнее обученной с нуля"
WORSE = "предобученная сеть уступает обученной с нуля"
EQUAL = "предобученная сеть и обученная с нуля практически одинаково точны"
INIT, SCOPE, POLICY, MODEL = (
    (Planted(init_pp=3), Planted(init_pp=-3)),
    (Planted(scope_pp=3), Planted(scope_pp=-3)),
    (Planted(policy_pp=3), Planted(policy_pp=-3)),
    (Planted(model_pp=3), Planted(model_pp=-3)),
)
SCENARIOS = {
    "better": Planted(init_pp=3),
    "worse": Planted(init_pp=-3),
    "imagenet": Planted(init_pp=3, source="imagenet1k_v1"),
    "checkpoint": Planted(source="own.pt"),
    "three seeds": Planted(seeds=3, init_pp=3),
    "one seed": Planted(seeds=1, init_pp=3),
    "one network": Planted(seeds=2, models=(GOOGLENET,)),
    "no pretrained": Planted(without=PRETRAINED_ARMS),
    "nothing finished": Planted(without=ALL_ARMS),
    "only results.csv": Planted(seeds=2, details=False, predictions=False),
}


Answer = Callable[[str, Planted, str], str]
Study = Callable[[Planted], tuple[Path, Analysis]]


def measured(text: str, lang: str) -> str:
    """The part of an answer that speaks of this study, without the theory before it."""
    return text.split(phrase("Что измерено.", lang))[1]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("truth", "said", "never"),
    [
        (Planted(init_pp=3), BETTER, (WORSE, EQUAL)),
        (Planted(init_pp=-3), WORSE, (BETTER, EQUAL)),
        (Planted(seeds=12, noise_pp=0.2), EQUAL, (BETTER, WORSE)),
        (Planted(seeds=1, init_pp=3), "по одной паре обучений вывод", (BETTER, WORSE, EQUAL)),
        (
            Planted(seeds=3, init_pp=0.4, noise_pp=1.0),
            "знак различия не установлен",
            (BETTER, WORSE, EQUAL),
        ),
        (Planted(without=PRETRAINED_ARMS), "не измерялось", (BETTER, WORSE, EQUAL)),
    ],
)
def test_advantage_of_pretraining_is_what_was_planted(
    answer: Answer, truth: Planted, said: str, never: tuple[str, ...], lang: str
) -> None:
    text = answer("q2", truth, lang)
    assert phrase(said, lang) in text
    assert not [claim for claim in never if phrase(claim, lang) in text]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "truths", "up", "down"),
    [
        (
            "q1",
            INIT,
            "признаки предобученной сети лучше случайных",
            "признаки предобученной сети хуже случайных",
        ),
        ("q3", SCOPE, "вся сеть точнее, заморозка", "вся сеть уступает, заморозка"),
        ("q4", SCOPE, "обучать всю сеть выгоднее", "обучать один выходной слой выгоднее"),
        (
            "q5",
            POLICY,
            "послойные скорости точнее единой, разность",
            "послойные скорости уступают единой, разность",
        ),
        ("q7", MODEL, "GoogLeNet точнее VGG11", "GoogLeNet уступает VGG11"),
        ("conclusion", INIT, BETTER, WORSE),
        ("conclusion", MODEL, "GoogLeNet точнее", "GoogLeNet уступает"),
    ],
)
def test_every_answer_flips_with_its_data(
    answer: Answer, name: str, truths: tuple[Planted, Planted], up: str, down: str, lang: str
) -> None:
    for truth, said, never in zip(truths, (up, down), (down, up), strict=True):
        text = answer(name, truth, lang)
        assert phrase(said, lang) in text
        assert phrase(never, lang) not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_summary_row_flips(answer: Answer, lang: str) -> None:
    row = phrase("2. Преимущества", lang)
    first, second = (answer("summary", truth, lang).split(row)[1].split("3. ")[0] for truth in INIT)
    better, worse = phrase("точнее", lang), phrase("уступает", lang)
    assert better in first and worse not in first and "+" in first
    assert worse in second and better not in second and "−" in second


@pytest.mark.parametrize("lang", LANGUAGES)
def test_networks_that_disagree_are_not_averaged(answer: Answer, lang: str) -> None:
    truth = Planted(cross_pp=4)
    rows = answer("summary", truth, lang)
    row = rows.split(phrase("4. Что замораживают", lang))[1].split("5. ")[0]
    assert phrase("зависит от архитектуры", lang) in row
    assert re.search(r"VGG11\s−\d", row) and re.search(r"GoogLeNet\s\+\d", row)
    assert phrase("VGG11: уступает", lang) in row and phrase("GoogLeNet: точнее", lang) in row
    text = answer("conclusion", truth, lang)
    assert phrase("вся сеть точнее выходного слоя", lang) in text
    assert phrase("вся сеть уступает выходному слою", lang) in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_open_for_one_network_does_not_depend_on_the_network(answer: Answer, lang: str) -> None:
    """For GoogLeNet the whole network gains eight points, for VGG11 nothing, and the noise hides which."""
    rows = answer("summary", Planted(seeds=3, scope_pp=4, cross_pp=4, noise_pp=0.8), lang)
    row = rows.split(phrase("4. Что замораживают", lang))[1].split("5. ")[0]
    assert phrase("зависит от архитектуры", lang) not in row
    assert phrase("Здесь обучение всей сети точнее (GoogLeNet)", lang) in row
    assert phrase("VGG11: не установлено", lang) in row and phrase("GoogLeNet: точнее", lang) in row


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_conclusion_says_what_was_not_measured(answer: Answer, lang: str) -> None:
    text = answer("conclusion", Planted(without=PRETRAINED_ARMS), lang)
    for part in ("начальные веса", "Обучаемая часть", "Скорости"):
        assert phrase(f"{part} – не измерялось", lang) in text


@pytest.mark.parametrize(("policy_pp", "depends"), [(-5, True), (2, False)])
def test_an_effect_whose_sign_depends_on_the_rates_is_not_averaged(
    study: Study, answer: Answer, policy_pp: float, depends: bool
) -> None:
    """With a uniform rate the whole network is better, with discriminative ones it is worse."""
    truth = Planted(scope_pp=2, policy_pp=policy_pp)
    _, analysis = study(truth)
    numbers = analysis.by_id()["q4.scope.vgg11"].numbers
    assert numbers["effect_pp"] == pytest.approx(2, abs=0.7)
    other = numbers["discriminative_pp"]
    assert other == pytest.approx(2 + policy_pp, abs=0.7)
    assert numbers["discriminative_low_pp"] < other < numbers["discriminative_high_pp"]
    assert numbers["depends_on_rates"] is depends
    assert math.isnan(analysis.by_id()["q5.lr_policy.vgg11"].numbers["discriminative_pp"])
    for lang in LANGUAGES:
        text = answer("q4", truth, lang)
        assert phrase("При послойных скоростях те же разности: VGG11", lang) in text
        assert (phrase("знак зависит от правила скоростей", lang) in text) is depends
        summary = answer("summary", truth, lang)
        assert (phrase("(зависит от правила скоростей)", lang) in summary) is depends


def test_the_object_is_answered_by_the_best_arm_whichever_of_its_seeds_was_kept(tmp_path: Path) -> None:
    folder = plant(tmp_path, Planted(init_pp=3, model_pp=2))
    best = write_analysis(folder).by_id()["best"].numbers
    seed = next(seed for seed in range(5) if f"-s{seed}-" not in best["run_id"])
    ids = [f"{arm.name}-s{seed}-00000000" for arm in arms()]
    probabilities = np.full((len(ids), 10), 0.01)
    probabilities[:, 3] = np.linspace(0.3, 0.9, len(ids))
    stored = {"index": 7, "label": 3, "run_ids": ids, "probabilities": probabilities}
    np.savez(folder / "artifacts" / "object.npz", **stored)
    found = write_analysis(folder).by_id()["object"].numbers
    assert found["arm"] == best["arm"]
    assert found["probability"] == pytest.approx(probabilities[ALL_ARMS.index(best["arm"]), 3])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_text_breaks_or_oversteps(study: Study, scenario: str, lang: str) -> None:
    truth = SCENARIOS[scenario]
    folder, _ = study(truth)
    for name in EVERYTHING:
        html = render_html(folder, name, lang)
        text = plain(html)
        assert "None" not in text and "nan" not in text.lower() and ".." not in text
        assert html.count("<p>") == html.count("</p>") and html.count("<li>") == html.count("</li>")
        if truth.seeds < 5:
            assert phrase("значим", lang) not in text
    for name in ANSWERS:
        text = render_answer(folder, name, lang)
        for part in ("Ответ.", "Что измерено.", "Вердикт.", "Границы вывода."):
            assert phrase(part, lang) in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_formula_driven_pretraining_is_never_called_imagenet(study: Study, lang: str) -> None:
    folder, _ = study(SCENARIOS["better"])
    unavailable = phrase("веса ImageNet не были доступны", lang)
    for name in ANSWERS:
        text = measured(render_answer(folder, name, lang), lang).replace(unavailable, "")
        assert "ImageNet" not in text
    warning = "О предобучении на ImageNet результат, полученный с весами от фракталов, не говорит ничего"
    assert phrase(warning, lang) in render_answer(folder, "preface", lang)
    source = phrase("предобучение на фракталах, порождаемых формулой", lang)
    assert source in render_answer(folder, "summary", lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_pretraining_that_was_not_made_is_not_claimed(tmp_path: Path, lang: str) -> None:
    """The budget left no time for it: the study knows its source by name and nothing else of it."""
    plant(tmp_path, Planted(without=PRETRAINED_ARMS))
    path = tmp_path / "pretraining.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    made = ("images", "categories", "samples", "seconds", "held_out_accuracy", "chance")
    for entry in entries.values():
        entry |= {**dict.fromkeys(made), "sha256": "", "passed": False}
    path.write_text(json.dumps(entries), encoding="utf-8")
    known = tmp_path / "environment.json"
    facts = json.loads(known.read_text(encoding="utf-8"))
    known.write_text(json.dumps({**facts, "weights": {}}), encoding="utf-8")
    write_analysis(tmp_path)
    text = render_answer(tmp_path, "q1", lang)
    assert phrase("выполнено предобучение", lang) not in text
    assert phrase("предобучение на фракталах не проводилось", lang) in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_imagenet_study_does_not_speak_of_fractals(study: Study, lang: str) -> None:
    folder, _ = study(SCENARIOS["imagenet"])
    for name in EVERYTHING:
        assert phrase("фрактал", lang) not in render_answer(folder, name, lang)


def test_printed_numbers_are_the_stored_ones(study: Study) -> None:
    folder, analysis = study(SCENARIOS["better"])
    text = render_answer(folder, "q2")
    table = analysis.contrasts
    judged = table[(table["name"] == "init@full") & (table["family"] != "exploratory")]
    for row in judged.to_dict("records"):
        effect, low, high = (
            f"{row[key]:.2f}".replace(".", ",") for key in ("effect_pp", "ci_low_pp", "ci_high_pp")
        )
        assert f"+{effect} [{low}; {high}]" in text
        english = f"+{effect} [{low}; {high}]".replace(",", ".").replace(";", ",")
        assert english in render_answer(folder, "q2", "en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_answers_stand_without_any_findings(lang: str) -> None:
    data = SimpleNamespace(dataset=FASHION_MNIST, models=("vgg11",), seeds=0, sources={"vgg11": None})
    for name in EVERYTHING:
        text = plain(environment(lang).get_template(f"answers/{name}.html").render(findings={}, data=data))
        for verdict in ("подтверждено", "опровергнуто"):
            assert phrase(verdict, lang) not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_names_are_text(study: Study, lang: str) -> None:
    folder, _ = study(Planted(seeds=2, source="<script>x</script>"))
    assert "<script>" not in render_html(folder, "q1", lang)


def test_findings_file_is_what_templates_read(study: Study) -> None:
    folder, analysis = study(SCENARIOS["three seeds"])
    text = (folder / "findings.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    found = json.loads(text)["findings"]
    assert repr(found) == repr([finding.to_dict() for finding in analysis.findings])
    assert {item["question"] for item in found} == set(range(8))
    assert len({item["id"] for item in found}) == len(found)
    for item in found:
        assert set(item) == {
            "id",
            "question",
            "claim",
            "verdict",
            "model",
            "numbers",
            "reason",
            "rows",
        }


@pytest.mark.parametrize("lang", LANGUAGES)
def test_networks_of_one_claim_stand_together(study: Study, lang: str) -> None:
    """The claim is said once, whoever it holds for; verdicts that differ are told apart."""
    folder, _ = study(SCENARIOS["better"])
    text = measured(render_answer(folder, "q2", lang), lang)
    assert text.count(phrase(BETTER, lang)) == 1
    said = rf"{phrase(BETTER, lang)}, \w+, [\w. ]+:"
    assert re.search(rf"{said} VGG11 \+\S+ \[[^:]*, GoogLeNet \+\S+ \[", text)
    mixed, _ = study(Planted(init_pp=3, without=PRETRAINED_ARMS[:3]))
    text = measured(render_answer(mixed, "q2", lang), lang)
    absent = text.index(phrase("не измерялось", lang))
    assert "VGG11" in text[absent : absent + 120]
    assert re.search(rf"{said} GoogLeNet \+", text)
