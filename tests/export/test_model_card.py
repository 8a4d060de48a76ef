"""The model card has Hugging Face's form, the study's numbers, the true origin, and code that runs."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from champions import write_study
from huggingface_hub import EvalResult, ModelCard
from PIL import Image
from scipy import stats
from sklearn.metrics import precision_recall_fscore_support

from study.data import LabelledImages
from study.datasets import FASHION_MNIST
from study.errors import StoreError
from study.explain.doubt import SURE
from study.explain.stored_champion import StoredChampion
from study.export.card import card
from study.export.card_facts import Start, card_facts
from study.export.export import saved_answers
from study.export.loading import torchvision_code
from study.models import network_class, torchvision_name
from study.networks import NETWORKS, ModelName
from study.records import RunRecord
from study.spec import Arm, Init, LrPolicy, Precision, Scope, StudySpec
from study.training.defaults import LONG_RECIPE
from study.training.evaluate import Probabilities

#: The forms of one champion are made once, in one process.
pytestmark = pytest.mark.xdist_group("export")
GIVEN = "cd" * 32


@pytest.fixture(scope="module")
def text(results: Path, champion: StoredChampion) -> str:
    return card(card_facts(results, champion), {})


def test_the_hub_reads_its_results(text: str, record: RunRecord) -> None:
    read = ModelCard(text)
    assert (read.data.license, read.data.pipeline_tag) == ("mit", "image-classification")
    assert "formula-driven-pretraining" in read.data.tags
    assert isinstance(read.data.eval_results, list)
    found: dict[str, EvalResult] = {each.metric_type: each for each in read.data.eval_results}
    assert found["accuracy"].metric_value == record.test_accuracy
    assert found["f1"].metric_value == record.macro_f1
    assert found["accuracy"].dataset_type == "zalando-datasets/fashion_mnist"
    assert (found["accuracy"].dataset_split, found["accuracy"].task_type) == (
        "test",
        "image-classification",
    )
    assert read.text.lstrip().startswith("# ResNet-18 on Fashion-MNIST")


def test_the_interval_is_exact(text: str, record: RunRecord) -> None:
    assert record.test_accuracy is not None
    right = round(100 * record.test_accuracy)
    assert 0 < right < 100
    low, high = stats.beta.ppf(0.025, right, 101 - right), stats.beta.ppf(0.975, right + 1, 100 - right)
    assert f"It classifies {right} of 100 test images correctly: **{right:.2f} %**" in text
    assert f"{100 * low:.2f} % to {100 * high:.2f} %" in text
    assert "softmax regression on bare pixels, trained on 200 images, classifies 73.00 % of 100" in text


def test_numbers_by_class_and_of_doubt_are_those_of_the_predictions(
    text: str, shares: Probabilities, few: LabelledImages
) -> None:
    truth = few.test_labels.numpy()
    scores = precision_recall_fscore_support(truth, shares.argmax(1), labels=range(10), zero_division=0)
    for label, (precision, recall, f1, images) in enumerate(zip(*scores, strict=True)):
        name = FASHION_MNIST.classes[label]
        row = f"| {label} | {name} | {images} | {precision:.3f} | {recall:.3f} | {f1:.3f} |"
        assert row in text
    wrong = shares.argmax(1) != truth
    doubted = shares.astype(np.float16).max(1) < SURE
    assert f"{(wrong & doubted).sum()} of {wrong.sum()} wrong answers" in text
    assert f"{(~wrong & doubted).sum()} of {(~wrong).sum()} right ones" in text


def test_training_is_told_from_the_ledger(text: str, record: RunRecord) -> None:
    spec = record.spec
    assert f"{record.samples_seen:,} samples, repeats counted, from a pool of 54,000" in text
    assert "12 seconds inside training steps, with 1 thread(s) on a processor  of two cores" in text
    assert f"peak learning rate {spec.hyper.lr:.3g}; weight decay 0.01; batches of 64;" in text
    assert "Images are mirrored with probability 0.5; nothing else" in text
    assert "All layers were trained." in text and "measured in" not in text


def _facts_text(folder: Path, champion: StoredChampion, record: RunRecord, given: str = "") -> str:
    """The card of a study whose ledger holds this record alone."""
    folder.mkdir()
    write_study(folder, record, StudySpec(init_checkpoint=given))
    named = replace(champion, run_id=record.spec.run_id, rung=record.spec.rung)
    return card(card_facts(folder, named), {})


SCRATCH = Arm(model=ModelName("resnet18"), init=Init.SCRATCH, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM)


@pytest.mark.parametrize(
    ("start", "changes", "given", "told", "licence"),
    [
        (Start.FRACTALS, {}, "", "Formula-driven pre-training by the study itself, on fractals", "mit"),
        (
            Start.IMAGENET,
            {"init_source": "imagenet1k_v1"},
            "",
            "ImageNet: torchvision's IMAGENET1K_V1",
            "other",
        ),
        (
            Start.RANDOM,
            {"arm": SCRATCH, "init_source": "none"},
            "",
            "Random: the network was trained",
            "mit",
        ),
        (Start.GIVEN, {"init_source": "my`<b>.pth"}, "", "calls itself `myb.pth`", "other"),
        (Start.GIVEN, {"weights_sha256": GIVEN}, GIVEN, "calls itself `fractal`", "other"),
    ],
)
def test_the_origin_of_the_initial_values_is_never_mixed_up(
    start: Start,
    changes: dict[str, object],
    given: str,
    told: str,
    licence: str,
    champion: StoredChampion,
    record: RunRecord,
    tmp_path: Path,
) -> None:
    other = replace(record, spec=replace(record.spec, **changes))  # type: ignore[arg-type]
    text = _facts_text(tmp_path / "results", champion, other, given)
    (paragraph,) = (each for each in text.split("\n\n") if each.startswith("**Initial values.**"))
    assert told in paragraph
    assert ("13,760 samples of 64 kinds of fractals" in paragraph) == (start is Start.FRACTALS)
    assert ("IMAGENET1K_V1" in text) == (start is Start.IMAGENET)
    assert ("is not commercial" in text) == (start is Start.IMAGENET)
    assert ModelCard(text).data.license == licence
    assert "no numbers by class" in text, "without predictions"


def test_another_recipe_and_precision_are_told(
    champion: StoredChampion, record: RunRecord, tmp_path: Path
) -> None:
    hyper = replace(record.spec.hyper, lr_decay=2.6)
    spec = replace(record.spec, hyper=hyper, recipe=LONG_RECIPE, precision=Precision.BF16)
    other = replace(record, spec=spec)
    text = _facts_text(tmp_path / "results", champion, other)
    assert "shifted by at most 0.0625 of their side, robbed of a square with probability 0.25;" in text
    assert "divided by 2.6 from stage to stage" in text
    assert "The accuracy above was measured in bf16 too." in text


def test_a_card_never_tells_the_numbers_of_another_network(
    results: Path, champion: StoredChampion, record: RunRecord, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match="numbers of another network"):
        card_facts(results, replace(champion, rung=champion.rung + 1))
    with pytest.raises(StoreError, match="names no run"):
        card_facts(results, replace(champion, run_id=""))
    tmp_path.joinpath("results").mkdir()
    write_study(tmp_path / "results", replace(record, test_accuracy=None, test_images=None))
    with pytest.raises(StoreError, match="no champion with a test accuracy"):
        card_facts(tmp_path / "results", champion)


def test_the_code_on_the_card_runs_and_gives_one_answer(
    results: Path,
    champion: StoredChampion,
    files: dict[str, Path],
    few: LabelledImages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = {"ONNX": "my champion.onnx", "TorchScript": "champion.pt"}
    for form, name in names.items():
        (tmp_path / name).symlink_to(files[form])
    (tmp_path / "champion.pth").symlink_to(champion.path)
    Image.fromarray(few.test_images[3].numpy()).save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    text = card(card_facts(results, champion), names)
    assert {"onnx", "torchscript"} <= set(ModelCard(text).data.tags)
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    expected = saved_answers(champion, few.test_images[3:4])[0]
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, "README.md", "exec"), {})
        name, _, probability = printed.getvalue().strip().rpartition(" ")
        assert name == FASHION_MNIST.classes[expected.argmax()]
        assert float(probability) == pytest.approx(float(expected.max()), abs=1e-4)


@pytest.mark.parametrize("model", NETWORKS)
def test_the_code_for_torchvision_has_the_shapes_of_the_saved_state(model: ModelName) -> None:
    whole, found = torchvision_code(model, 32, "champion.pth", FASHION_MNIST), {}
    code = whole.partition("network.load_state_dict")[0]
    with torch.device("meta"):
        exec(compile(code, "card", "exec"), found)
        own = network_class(model)(resolution=64, fold=False, seed=0, classes=10, channels=1)
    expected = {torchvision_name(own, name): value.shape for name, value in own.state_dict().items()}
    assert {name: value.shape for name, value in found["network"].state_dict().items()} == expected
