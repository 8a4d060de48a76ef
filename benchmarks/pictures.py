"""Measures `predict` on photographs of test objects: `python -m benchmarks.pictures [--results-dir DIR]`.

The champion in DIR answers. Where DIR has none, a GoogLeNet is trained for a few minutes and kept there.
The threshold of `study.explain.doubt` is read off validation images; all other figures are those of test
images. They go to docs/pictures.md.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from sklearn.metrics import roc_auc_score
from torch import Tensor

from benchmarks.page import replace_block
from benchmarks.photographs import Condition, conditions
from study.data import LabelledImages, balanced_order, load, split, to_input
from study.datasets import FASHION_MNIST
from study.errors import UsageError
from study.explain.doubt import SURE
from study.explain.own_picture import find_object
from study.explain.picture_files import read_picture
from study.explain.predict import stored_networks
from study.explain.snapshots import CHAMPION
from study.models import Network, save_checkpoint, unfolded_state_dict
from study.networks import GOOGLENET
from study.spec import Arm, Init, LrPolicy, Purpose, RunSpec, Scope
from study.training.defaults import default_hyper
from study.training.run import run
from study.training.runtime import detect
from study.training.workshop import Workshop

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "pictures.md"
OBJECTS, SAMPLES, SEED = 300, 48_000, 1
#: Thresholds that are printed, and the share of wrong answers that the chosen one must call doubtful.
THRESHOLDS, WANTED = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9), 0.8
BATCH, NONE = 100, -1


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one picture.

    Attributes:
        condition: of the picture.
        label: class of the object that it shows; `NONE` if it shows none.
        before: class that the earlier preparation led to.
        now: class now; `NONE` if no object was found.
        probability: greatest class probability; 0 if no object was found.
        energy: logarithm of the sum of exponentials of the logits (Liu et al. 2020).
        cosine: of the features and the class's weights (Techapanurak et al. 2020).
    """

    condition: Condition
    label: int
    before: int
    now: int = NONE
    probability: float = 0.0
    energy: float = 0.0
    cosine: float = 0.0

    @property
    def right(self) -> bool:
        return self.now == self.label != NONE

    @property
    def wrong(self) -> bool:
        return self.now not in (NONE, self.label)


def earlier(content: bytes) -> Tensor:
    """Prepares a picture as `predict` did before: no transparency, no search, the border's mean decides."""
    grey = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("L")
    values = np.asarray(grey)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    grey = ImageOps.invert(grey) if border.mean() > 127 else grey
    fitted = ImageOps.pad(grey, (28, 28), Image.Resampling.LANCZOS, color=0)
    return torch.from_numpy(np.asarray(fitted).copy())


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as the networks see it.

    Attributes:
        condition: under which it was taken.
        label: class of the object that it shows; `NONE` if it shows none.
        before: uint8 [28, 28], by the earlier preparation.
        views: uint8 [V, 28, 28]; none if no object was found.
    """

    condition: Condition
    label: int
    before: Tensor
    views: Tensor


def photographed(images: Tensor, labels: Tensor, ways: list[Condition]) -> list[Picture]:
    """Takes and prepares a picture of every object under every condition.

    Args:
        images: uint8 [N, 28, 28].
        labels: int64 [N].
        ways: the conditions.
    """
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        for number, condition in enumerate(ways):
            for index, (image, label) in enumerate(zip(images.numpy(), labels.tolist(), strict=True)):
                path.write_bytes(condition.take(image, np.random.default_rng([number, index])))
                try:
                    views = find_object(read_picture(path), FASHION_MNIST.side).views
                except UsageError:
                    views = torch.empty((0, 28, 28), dtype=torch.uint8)
                shown, before = (label if condition.shows else NONE), earlier(path.read_bytes())
                found.append(Picture(condition=condition, label=shown, before=before, views=views))
    return found


def ask(network: Network, resolution: int, pictures: list[Picture]) -> list[Answer]:
    """Lets a network answer to pictures as `study.explain.predict.answer` does, but in batches."""
    before = _outputs(network, resolution, torch.stack([picture.before for picture in pictures]))[0]
    views = torch.cat([picture.views for picture in pictures])
    logits, cosines = _outputs(network, resolution, views)
    shares = logits.softmax(1)
    answers, start = [], 0
    for picture, old in zip(pictures, before.argmax(1).tolist(), strict=True):
        own = shares[start : start + len(picture.views)]
        known: dict[str, float] = {}
        if len(own):
            at = start + int(own.amax(1).argmax())
            known = {
                "now": int(shares[at].argmax()),
                "probability": float(shares[at].max()),
                "energy": float(logits[at].logsumexp(0)),
                "cosine": float(cosines[at]),
            }
        answers.append(Answer(condition=picture.condition, label=picture.label, before=old, **known))
        start += len(own)
    return answers


def _outputs(network: Network, resolution: int, images: Tensor) -> tuple[Tensor, Tensor]:
    """Returns logits [N, 10], and the cosine of features and weights of the answered class [N]."""
    logits, cosines = [], []
    with torch.inference_mode():
        for chunk in images.split(BATCH):
            features = network.features(to_input(chunk, resolution)).float()
            found = network.head(features)
            logits.append(found)
            cosines.append(torch.cosine_similarity(features, network.head.weight[found.argmax(1)]))
    return torch.cat(logits), torch.cat(cosines)


def table(answers: list[Answer]) -> str:
    """Tabulates the answers by condition, with the share of those that were called doubtful."""
    lines = [
        "| picture | right before | right now | no object found | wrong answers | of them with doubt "
        "| right answers with doubt |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for condition in conditions():
        own = [each for each in answers if each.condition.name == condition.name]
        wrong, right = _wrong_and_right(own)
        before = _percent([each.before == each.label for each in own]) if condition.shows else "–"
        now = _percent([each.right for each in own]) if condition.shows else "–"
        missed = sum(each.now == NONE for each in own)
        lines.append(
            f"| {condition.name} | {before} | {now} | {missed} | {len(wrong)} "
            f"| {_doubtful(wrong)} | {_doubtful(right)} |"
        )
    return "\n".join(lines)


def summary(answers: list[Answer]) -> str:
    """Says how far the goals are reached."""
    shares = {
        condition.name: 100 * np.mean([a.right for a in answers if a.condition.name == condition.name])
        for condition in conditions()
        if condition.clean
    }
    plain = next(iter(shares.values()))
    name = min(shares, key=lambda each: shares[each])
    wrong, right = _wrong_and_right(_elsewhere(answers))
    missed = sum(each.now == NONE for each in _elsewhere(answers))
    return (
        f"Clean backgrounds: the lowest accuracy is {shares[name] - plain:+.1f} points from that of the "
        f"plain object ({name}). Elsewhere {len(wrong)} answers are wrong, {_doubtful(wrong)} % of them "
        f"with doubt; {len(right)} are right, {_doubtful(right)} % of them with doubt; without an object: "
        f"{missed} pictures."
    )


def scores(answers: list[Answer]) -> str:
    """Compares scores by the probability that a right answer has a higher one than a wrong one (AUROC)."""
    wrong, right = _wrong_and_right(answers)
    lines = ["| score | AUROC |", "|---|---:|"]
    for name in ("probability", "energy", "cosine"):
        values = [getattr(each, name) for each in (*right, *wrong)]
        area = roc_auc_score([1] * len(right) + [0] * len(wrong), values)
        lines.append(f"| {name} | {area:.3f} |")
    return "\n".join(lines)


def thresholds(answers: list[Answer]) -> str:
    """Tabulates what a threshold does to wrong and right answers."""
    wrong, right = _wrong_and_right(answers)
    lines = ["| doubt below | wrong answers with doubt | right answers with doubt |", "|---:|---:|---:|"]
    lines += [
        f"| {limit:.2f} | {_doubtful(wrong, limit)} | {_doubtful(right, limit)} |" for limit in THRESHOLDS
    ]
    limit = float(np.quantile([each.probability for each in wrong], WANTED))
    return "\n".join([*lines, "", f"{100 * WANTED:.0f} % of the wrong answers lie below {limit:.3f}."])


def _elsewhere(answers: list[Answer]) -> list[Answer]:
    return [each for each in answers if not each.condition.clean]


def _wrong_and_right(answers: list[Answer]) -> tuple[list[Answer], list[Answer]]:
    return [each for each in answers if each.wrong], [each for each in answers if each.right]


def _doubtful(answers: list[Answer], limit: float = SURE) -> str:
    return _percent([each.probability < limit for each in answers])


def _percent(values: list[bool]) -> str:
    return f"{100 * np.mean(values):.0f}" if values else "–"


def train(folder: Path, fashion: LabelledImages) -> None:
    """Trains a GoogLeNet from scratch and keeps it as the champion of a study is kept."""
    runtime = detect()
    arm = Arm(model=GOOGLENET, init=Init.SCRATCH, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM)
    spec = RunSpec(
        arm=arm,
        purpose=Purpose.FINAL,
        seed=SEED,
        hyper=default_hyper(arm),
        rung=SAMPLES,
        precision=runtime.precision,
    )
    outcome = run(spec, Workshop(images=fashion, runtime=runtime, weights={}, folder=folder))
    if outcome.network is None:
        raise SystemExit(outcome.record.reason)
    print(f"trained; accuracy on the test images: {outcome.record.test_accuracy:.4f}")
    state = unfolded_state_dict(outcome.network)
    save_checkpoint(folder / "checkpoints" / CHAMPION, state, {"model": arm.model, "resolution": 32})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results-dir", type=Path, default=ROOT / "results" / "pictures")
    parser.add_argument("--objects", type=int, default=OBJECTS)
    flags = parser.parse_args()
    fashion = load(FASHION_MNIST)
    if not (flags.results_dir / "checkpoints" / CHAMPION).is_file():
        train(flags.results_dir, fashion)
    name, network, resolution = stored_networks(flags.results_dir / "checkpoints", FASHION_MNIST)[0]
    held = split(fashion.train_labels, seed=SEED, validation=6_000).validation[: flags.objects]
    order = balanced_order(fashion.test_labels, seed=0)[: flags.objects]
    detect()  # flushes denormals, with which the networks are slow
    uneven = [condition for condition in conditions() if not condition.clean]
    held_pictures = photographed(fashion.train_images[held], fashion.train_labels[held], uneven)
    pictures = photographed(fashion.test_images[order], fashion.test_labels[order], conditions())
    known, tested = (ask(network, resolution, some) for some in (held_pictures, pictures))
    parts = [
        f"{name}; {flags.objects} test objects, doubt below {SURE:.2f}; percent but for counts.",
        table(tested),
        summary(tested),
        f"**The threshold**, on {flags.objects} validation objects, without the clean backgrounds; percent",
        thresholds(known),
        "**Which score** has higher values for right answers, on the same",
        scores(known),
    ]
    print("\n\n".join(parts))
    if flags.objects == OBJECTS:
        replace_block(PAGE, "pictures", "\n\n".join(parts))


if __name__ == "__main__":
    main()
