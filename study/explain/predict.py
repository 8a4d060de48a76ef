"""Classifies one object with the champion of a study."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from study.data import load, to_input
from study.datasets import DatasetDescriptor, studied
from study.errors import UsageError
from study.explain.doubt import doubt
from study.explain.own_picture import OwnPicture, explanation, seen_picture
from study.explain.snapshots import kept_network
from study.explain.stored_champion import stored_champion
from study.matrix import arms
from study.models import Network
from study.networks import NETWORKS
from study.spec import Scope
from study.store.files import write_atomic
from study.store.safe_load import read_object


def predict(
    results_dir: Path,
    image: Path | None,
    index: int | None,
    data_dir: Path | None,
    *,
    offline: bool,
    explain: Path | None = None,
) -> list[str]:
    """Returns lines to print with the champion's three most probable classes, and a doubt if there is one.

    Without a champion there is a line for each stored network.

    Args:
        results_dir: the results directory of a study.
        image: an image file; None for a test object.
        index: of the test object; None for an image file.
        data_dir: folder of the study's data set; None for the usual folders.
        offline: whether a download of the data set is forbidden.
        explain: file for a drawing of the picture and of what the first network saw; None for no drawing.

    Raises:
        UsageError: there is no stored network or no such test object, the file is not an image, no object
            is found in it, or `explain` cannot be the name of the drawing.
        WeightsError: a stored network is damaged.
        DataError: see `study.data.load`.
        StoreError: the drawing cannot be written, or environment.json is damaged.
    """
    if explain is not None:
        _require_free(explain, image)
    lines, data = [], studied(read_object(results_dir / "environment.json"), results_dir)
    if image is not None:
        picture = seen_picture(data, image)
    else:
        assert index is not None
        if not 0 <= index < data.test_images:
            raise UsageError(f"--index must lie in 0…{data.test_images - 1}, got {index}")
        images = load(data, data_dir, offline=offline)
        picture = _test_object(images.test_images[index])
        lines.append(f"test object {index}: {data.classes[int(images.test_labels[index])]}")
    views = []
    for name, network, resolution in stored_networks(results_dir / "checkpoints", data):
        named, found, view = answer(network, picture.views, resolution, data)
        lines.append(f"{name}: {named}{doubt(float(found.max()))}")
        views.append(view)
    if explain is not None:
        drawing = explanation(picture, views[0])
        write_atomic(explain, lambda stream: drawing.save(stream, "PNG"))
        lines.append(f"{explain}: the picture, and what the network saw of it")
    return lines


def answer(
    network: Network, views: Tensor, resolution: int, data: DatasetDescriptor
) -> tuple[str, Tensor, int]:
    """Classifies an object by the view of which the network is surest.

    Args:
        network: in evaluation mode, on the CPU.
        views: uint8 [V, side, side], the same object in V forms.
        resolution: side of the network's input.
        data: the data set, whose classes are named.

    Returns:
        The three most probable classes in words, all class probabilities, float32 [C], and the index of
        the view.
    """
    # [listing: predict]
    with torch.inference_mode():
        shares = network(to_input(views, resolution)).softmax(1)
    view = int(shares.amax(1).argmax())
    found = shares[view]
    best = found.argsort(descending=True)[:3]
    named = ", ".join(f"{data.classes[int(c)]} {float(found[c]):.3f}" for c in best)
    # [/listing]
    return named, found, view


def _require_free(explain: Path, image: Path | None) -> None:
    """Raises UsageError unless the drawing has the name of a PNG file, and not that of the picture."""
    if explain.suffix.lower() != ".png":
        raise UsageError(f"--explain writes a PNG file; {explain} has another ending")
    if image is not None and explain.exists() and image.exists() and explain.samefile(image):
        raise UsageError(f"--explain {explain} would replace the picture")


def _test_object(pixels: Tensor) -> OwnPicture:
    side = pixels.shape[0]
    return OwnPicture(views=pixels[None], upright=Image.fromarray(pixels.numpy()), box=(0, 0, side, side))


def stored_networks(folder: Path, data: DatasetDescriptor) -> list[tuple[str, Network, int]]:
    """Returns name, network and resolution of the champion, or else of all stored full networks.

    Args:
        folder: the folder of checkpoints.
        data: the data set of the study.

    Raises:
        UsageError: there is none.
        WeightsError: one is damaged.
    """
    champion = stored_champion(folder, data)
    if champion is not None:
        return [(f"champion ({champion.model})", champion.network, champion.resolution)]
    found = [
        (arm.name, *kept_network(arm, folder, data))
        for arm in arms(NETWORKS)
        if arm.scope is Scope.FULL and (folder / f"explained-{arm.name}.pth").is_file()
    ]
    if not found:
        raise UsageError(f"{folder.parent} holds no trained network; run a study first")
    return found
