"""Writes what the report shows of data and networks to results/artifacts; pictures in shades of grey."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from study.data import augment, shades, to_input
from study.explain.untrained import fresh_network
from study.models import Network
from study.pretraining import generate
from study.records import RunRecord
from study.spec import Init, Scope
from study.store.files import write_arrays
from study.training.defaults import recipe_for
from study.training.evaluate import Probabilities
from study.training.workshop import Workshop

#: Numbers of images per class, augmented views per image, fractals, and wrong predictions.
EXAMPLES = 6
AUGMENTED = 5
FRACTALS = 12
ERRORS = 12


def write_dataset(shop: Workshop, folder: Path, resolution: int, seed: int, *, fractals: bool) -> None:
    """Writes dataset.npz: examples of every class, class counts, augmented views and fractals.

    Args:
        shop: data and split.
        folder: the folder of artifacts.
        resolution: side of the augmented views in pixels.
        seed: of augmentation and fractals.
        fractals: whether fractals are included.
    """
    split, data = shop.split, shop.images.data
    images, labels = shop.images.train_images, shop.images.train_labels
    classes = range(len(data.classes))
    chosen = [split.train[labels[split.train] == c][:EXAMPLES] for c in classes]
    least = min(map(len, chosen))
    examples = torch.stack([shades(images[index[:least]]) for index in chosen])
    counts = torch.stack(
        [
            torch.bincount(part, minlength=len(classes))
            for part in (labels[split.train], labels[split.validation], shop.images.test_labels)
        ]
    )
    flip = recipe_for(data).flip
    generator = torch.Generator().manual_seed(seed)
    views = []
    for index in split.train[:3]:
        x = to_input(images[index][None], resolution)
        changed = augment(x.repeat(AUGMENTED, 1, 1, 1), generator, flip=flip, erase=0.5)
        bytes_ = ((torch.cat([x, changed]) + 1) * 127.5).round().byte()
        views.append(shades(bytes_.permute(0, 2, 3, 1)))
    arrays = {
        "examples": examples.numpy(),
        "class_counts": counts.numpy(),
        "augmented": torch.stack(views).numpy(),
    }
    if fractals:
        arrays["fractals"] = generate(FRACTALS, 1, 32, generator)[0].numpy()
    write_arrays(folder / "dataset.npz", arrays)


def write_object(
    shop: Workshop, predicted: Mapping[str, npt.NDArray[np.float16]], folder: Path, index: int
) -> None:
    """Writes object.npz: one test object and its class probabilities according to several networks.

    Args:
        shop: data.
        predicted: class probabilities [C] by run id.
        folder: the folder of artifacts.
        index: of the test object.
    """
    names = list(predicted)
    write_arrays(
        folder / "object.npz",
        {
            "image": shades(shop.images.test_images[index][None])[0].numpy(),
            "index": np.array(index),
            "label": np.array(int(shop.images.test_labels[index])),
            "run_ids": np.array(names),
            "probabilities": np.stack([predicted[name] for name in names]).astype(np.float32),
        },
    )


def write_errors(shop: Workshop, predicted: Probabilities, folder: Path) -> None:
    """Writes errors.npz: the test objects that a network misclassifies with the highest confidence.

    Args:
        shop: data and test order.
        predicted: class probabilities, float32 [n, C], of the first n images in test order.
        folder: the folder of artifacts.
    """
    order = shop.test_order.numpy()[: len(predicted)]
    labels = shop.images.test_labels.numpy()[order]
    classes, confidence = predicted.argmax(1), predicted.max(1)
    wrong = np.flatnonzero(classes != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:ERRORS]
    write_arrays(
        folder / "errors.npz",
        {
            "images": shades(shop.images.test_images[torch.from_numpy(order[worst])]).numpy(),
            "index": order[worst],
            "label": labels[worst],
            "predicted": classes[worst],
            "confidence": confidence[worst],
        },
    )


def write_filters(network: Network, record: RunRecord, shop: Workshop, folder: Path) -> None:
    """Writes filters-<model>.npz: first-layer filters before and after full fine-tuning.

    The file also contains the random filters that a scratch network of the same seed starts from. Filters
    of three channels are averaged over them. Nothing is written unless the run fully fine-tunes a
    pretrained network.

    Args:
        network: after training.
        record: of the run.
        shop: provides pre-trained weights.
        folder: the folder of artifacts.
    """
    arm = record.spec.arm
    if arm.scope is not Scope.FULL or arm.init is not Init.PRETRAINED:
        return
    parts = (
        ("before", fresh_network(record, shop)),
        ("after", network),
        ("scratch", fresh_network(record, shop, Init.SCRATCH)),
    )
    arrays = {name: item.first_conv().weight.detach().cpu().mean(1).numpy() for name, item in parts}
    write_arrays(folder / f"filters-{arm.model}.npz", arrays)
