"""Writes a model card in the form of Hugging Face: YAML for programs, then Markdown for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from study.datasets import DEFAULT, DatasetDescriptor, is_own
from study.errors import one_line
from study.explain.doubt import SURE
from study.export.card_facts import CardFacts, Start
from study.export.loading import loading, preparation
from study.networks import NETWORKS
from study.spec import Precision, Recipe, Scope

#: Names of data sets as their authors write them.
_TITLES = {DEFAULT: "Fashion-MNIST"}
#: Names of data sets on the Hugging Face Hub.
_HUB = {DEFAULT: "zalando-datasets/fashion_mnist"}
#: What a card says of a data set: what its pictures show, and its licence.
_SHOWN = {
    DEFAULT: "one garment, shoe or bag, light on black, as in Fashion-MNIST (Xiao et al. 2017, "
    "arXiv:1708.07747)"
}
_DATA_LICENCE = {DEFAULT: "Fashion-MNIST is under the MIT licence (Zalando SE)"}
#: What a card says of the limits of a data set.
_SCOPE = {
    DEFAULT: "The data set holds thumbnails of one shop's articles and says nothing of clothes elsewhere."
}
#: Licence of a network trained on a person's own pictures from weights without further conditions.
_OWN_LICENCE = {"license": "other", "license_name": "that-of-the-training-pictures"}
#: Fields of the YAML part that name the licence of the weights, by the origin of the initial values.
_LICENCES: dict[Start, dict[str, str]] = {
    Start.RANDOM: {"license": "mit"},
    Start.FRACTALS: {"license": "mit"},
    Start.IMAGENET: {
        "license": "other",
        "license_name": "from-imagenet-weights",
        "license_link": "https://github.com/pytorch/vision#pre-trained-model-license",
    },
    Start.GIVEN: {"license": "other", "license_name": "that-of-the-initial-weights"},
}
_TAGS = {
    Start.RANDOM: "trained-from-scratch",
    Start.FRACTALS: "formula-driven-pretraining",
    Start.IMAGENET: "imagenet-pretraining",
    Start.GIVEN: "fine-tuned",
}


def card(facts: CardFacts, files: Mapping[str, str]) -> str:
    """Returns the text of a model card.

    Args:
        facts: of the champion.
        files: names of the exported files beside the card, by the name of their form.
    """
    title = NETWORKS[facts.champion.model].title
    sections = (
        ("", _introduction(facts, title)),
        ("Accuracy", _accuracy(facts)),
        ("How to load it", loading(facts.champion, files)),
        ("What goes in, what comes out", preparation(facts.champion.resolution, facts.champion.data)),
        ("How it was trained", _training(facts, title)),
        ("Licence of the weights", _licence(facts)),
        ("Limits", _limits(facts)),
    )
    head = yaml.safe_dump(_front(facts, files), sort_keys=False, allow_unicode=True)
    body = [f"# {title} on {_title(facts.champion.data)}"]
    for heading, paragraphs in sections:
        body += [*([f"## {heading}"] if heading else []), *paragraphs]
    return f"---\n{head}---\n\n" + "\n\n".join(body) + "\n"


def _front(facts: CardFacts, files: Mapping[str, str]) -> dict[str, Any]:
    """Returns the YAML part, as huggingface_hub.ModelCardData reads it."""
    record = facts.record
    metrics: list[dict[str, Any]] = [
        {"type": "accuracy", "name": "Test accuracy", "value": record.test_accuracy}
    ]
    if record.macro_f1 is not None:
        metrics.append({"type": "f1", "name": "Macro F1", "value": record.macro_f1})
    task, data = "image-classification", facts.champion.data
    hub = _HUB.get(data.name)
    return {
        "language": "en",
        **(_OWN_LICENCE if _bound_to_pictures(facts) else _LICENCES[facts.start]),
        "library_name": "pytorch",
        "pipeline_tag": task,
        "tags": [
            task,
            data.name,
            "torchvision",
            str(facts.champion.model),
            _TAGS[facts.start],
            *(name.lower() for name in files),
        ],
        **({"datasets": [hub]} if hub else {}),
        "metrics": [metric["type"] for metric in metrics],
        "model-index": [
            {
                "name": f"{facts.champion.model}-{data.name}",
                "results": [
                    {
                        "task": {"type": task, "name": "Image classification"},
                        "dataset": {
                            "name": _TITLES.get(data.name, data.title),
                            "type": hub or data.name,
                            "split": "test",
                            "args": {"images": facts.images},
                        },
                        "metrics": metrics,
                    }
                ],
            }
        ],
    }


def _bound_to_pictures(facts: CardFacts) -> bool:
    """Whether the training pictures alone decide on the licence."""
    return is_own(facts.champion.data.name) and _LICENCES[facts.start] == {"license": "mit"}


def _introduction(facts: CardFacts, title: str) -> Iterator[str]:
    data = facts.champion.data
    shown = _SHOWN.get(data.name, f"one thing as in {_title(data)}")
    yield (
        f"{title} with {'one grey input channel' if data.channels == 1 else 'three input channels'} and "
        f"{len(data.classes)} classes. It names what a "
        f"picture of {data.side}×{data.side} pixels shows: {shown}."
    )
    yield (
        "A study of pre-training has trained it longest of all its networks: run "
        f"`{facts.record.spec.run_id}`, file with the SHA-256 `{facts.champion.sha256}`. All numbers below "
        "are those of that study."
    )


def _accuracy(facts: CardFacts) -> Iterator[str]:
    yield (
        f"It classifies {facts.right:,} of {facts.images:,} test images correctly: "
        f"**{_percent(facts.right / facts.images)}**, exact 95 % interval (Clopper and Pearson) "
        f"{_percent(facts.low)} to {_percent(facts.high)}. The interval is about the choice of test "
        "images; it does not say how far a training with another seed would lie from this one."
    )
    yield " ".join(_measures(facts))
    if facts.pixels is not None:
        images = facts.pixels["train_images"]
        trained = f", trained on {images:,} images," if images else ""
        yield (
            f"For comparison, softmax regression on bare pixels{trained} classifies "
            f"{_percent(facts.pixels['test_accuracy'])} of {facts.pixels['test_images']:,} test images "
            "correctly."
        )
    if not facts.classes:
        yield "The study stored no predictions, so there are no numbers by class."
        return
    head = ("| label | class | test images | precision | recall | F1 |", "|---:|---|---:|---:|---:|---:|")
    rows = (
        f"| {label} | {_escaped(own.name)} | {own.images:,} "
        f"| {own.precision:.3f} | {own.recall:.3f} | {own.f1:.3f} |"
        for label, own in enumerate(facts.classes)
    )
    yield "\n".join([*head, *rows])


def _measures(facts: CardFacts) -> Iterator[str]:
    """Yields sentences with the other measures, as far as they are known."""
    record = facts.record
    yield "Test images had no part in the training or in any choice."
    measures = (
        ("macro F1", record.macro_f1),
        ("expected calibration error over 15 bins", record.ece),
        ("mean cross-entropy in nats", record.test_loss),
    )
    told = ", ".join(f"{name} {value:.4f}" for name, value in measures if value is not None)
    if told:
        yield f"On them: {told}."
    if record.val_accuracy is not None and record.validation_images:
        share = _percent(record.val_accuracy)
        yield f"On {record.validation_images:,} validation images {share} of the answers are right."


def _training(facts: CardFacts, title: str) -> Iterator[str]:
    record, spec, data = facts.record, facts.record.spec, facts.champion.data
    yield f"**Initial values.** {_start(facts, title)}"
    trained = "The output layer alone was" if spec.arm.scope is Scope.FROZEN else "All layers were"
    machine = _plain(str(facts.environment.get("device_name") or "a machine that is not named"))
    yield (
        f"**Length.** {record.samples_seen:,} samples, repeats counted, from a pool of "
        f"{spec.train_images:,} of the {data.train_images:,} training images "
        f"({record.samples_seen / spec.train_images:.2f} epochs). {trained} trained. This took "
        f"{record.train_seconds:,.0f} seconds inside training steps, with {record.threads} thread(s) on "
        f"{machine}. Another {data.validation_images:,} images were set apart for validation."
    )
    hyper, recipe = spec.hyper, spec.recipe
    decay = f", divided by {hyper.lr_decay:g} from stage to stage downwards" if hyper.lr_decay else ""
    yield (
        f"**Recipe.** AdamW; peak learning rate {hyper.lr:.3g}{decay}; weight decay "
        f"{hyper.weight_decay:g}; batches of {spec.batch_size}; label smoothing {hyper.label_smoothing:g}. "
        f"The rate rises over {recipe.warm_up:,} samples, stays, and falls to zero over a share of "
        f"{recipe.cooldown:g} of the samples. {_augmentation(recipe)} "
        f"Seed {spec.seed}, arithmetic in {spec.precision}."
    )
    if spec.precision is not Precision.FP32:
        yield (
            f"The accuracy above was measured in {spec.precision} too. Exported files compute in float32, "
            "so that a few close calls may turn out otherwise."
        )


def _augmentation(recipe: Recipe) -> str:
    parts = [f"mirrored with probability {recipe.flip:g}"]
    if recipe.shift:
        parts.append(f"shifted by at most {recipe.shift:g} of their side")
    if recipe.erase:
        parts.append(f"robbed of a square with probability {recipe.erase:g}")
    return f"Images are {', '.join(parts)}; nothing else is done to them."


def _start(facts: CardFacts, title: str) -> str:
    spec = facts.record.spec
    if facts.start is Start.RANDOM:
        return "Random: the network was trained from scratch, without any pre-training."
    if facts.start is Start.IMAGENET:
        return (
            f"ImageNet: torchvision's IMAGENET1K_V1 weights of {title}, their first layer adapted to the "
            f"images here (SHA-256 `{spec.weights_sha256}`)."
        )
    if facts.start is Start.FRACTALS:
        own = facts.pretraining
        size = ""
        if own.get("samples") and own.get("categories"):
            size = f" It took {own['samples']:,.0f} samples of {own['categories']:,.0f} kinds of fractals."
        return (
            "Formula-driven pre-training by the study itself, on fractals that were drawn from formulas."
            f"{size} No pre-trained weights of others and no photographs are in it."
        )
    return (
        "Weights that were given to the study. Their file calls itself "
        f"`{_plain(spec.init_source)}` (SHA-256 `{spec.weights_sha256}`); the study did not make it and "
        "does not know what it was trained on."
    )


def _licence(facts: CardFacts) -> Iterator[str]:
    title = _title(facts.champion.data)
    data = _DATA_LICENCE.get(facts.champion.data.name, f"The licence of {title} is its own")
    if facts.start is Start.IMAGENET:
        yield (
            "The initial weights are torchvision's and were trained on ImageNet, whose pictures are for "
            "research and education that is not commercial; torchvision leaves it to the user to find out "
            f"what is allowed with its weights. The same holds for this file. {data}."
        )
    elif facts.start is Start.GIVEN:
        yield f"That of the initial weights, which the study does not know. {data}."
    elif _bound_to_pictures(facts):
        yield (
            f"That of the pictures of {title}, which whoever made the study knows and the study does not. "
            "Nothing else went into the weights."
        )
    else:
        made = " and from formulas" if facts.start is Start.FRACTALS else ""
        yield (
            "MIT, unless whoever publishes the file says otherwise here and in the first lines. They "
            f"were made from {title}{made} alone, by a program under the MIT licence. {data}."
        )


def _limits(facts: CardFacts) -> Iterator[str]:
    data = facts.champion.data
    form = (
        "one thing, upright, light on black, whose longer side fills"
        if data.on_black
        else ("a whole picture, whose longer side fills")
    )
    exercise = "The network is an exercise, and not made for decisions about people."
    items = (
        f"It knows {len(data.classes)} kinds of things. Whatever else a picture shows, one of "
        "these is named.",
        f"It expects the form of the data set: {form} the {data.side} pixels. Other pictures are brought "
        "into this form first; `run_study.py predict` does it.",
        f"A class probability below {SURE:.2f} is a reason for doubt.{_doubted(facts)} The threshold was "
        "set with one network, on pictures made of validation images. A high probability "
        "does not prove that a picture is like those of the training set.",
        f"{_SCOPE[data.name]} {exercise}" if data.name in _SCOPE else exercise,
    )
    yield "\n".join(f"- {item}" for item in items)


def _doubted(facts: CardFacts) -> str:
    found = facts.doubt
    if found is None:
        return ""
    return (
        f" On the test images {found.wrong_doubted:,} of {found.wrong:,} wrong answers and "
        f"{found.right_doubted:,} of {found.right:,} right ones lie below it."
    )


def _title(data: DatasetDescriptor) -> str:
    return _TITLES.get(data.name, _escaped(data.title))


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _escaped(text: str) -> str:
    """Returns text in one line in which no sign means anything to Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`|<>[]*_" else sign for sign in one_line(text))


def _plain(text: str) -> str:
    """Returns text of a file in one line, without the signs that Markdown would take for its own."""
    return "".join(sign for sign in one_line(text) if sign not in "`|<>[]*_")
