"""Classifies one object with the champion of a study."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from study.data import CLASS_NAMES, load, to_input
from study.dataset import FASHION_MNIST
from study.errors import UsageError, WeightsError
from study.explain.snapshots import CHAMPION, kept_network
from study.matrix import arms
from study.models import Network, load_adapted, load_checkpoint
from study.networks import NETWORKS, network_name
from study.spec import RESOLUTIONS, TEST_IMAGES, Scope

#: Maximum number of pixels of an image file.
MOST_PIXELS = 50_000_000


def predict(
    results_dir: Path, image: Path | None, index: int | None, data_dir: Path | None, *, offline: bool
) -> list[str]:
    """Returns lines to print with the champion's three most probable classes.

    Without a champion there is a line for each stored network.

    Args:
        results_dir: the results directory of a study.
        image: an image file; None for a test object.
        index: of the test object; None for an image file.
        data_dir: folder of FashionMNIST; None for the usual folders.
        offline: whether a download of FashionMNIST is forbidden.

    Raises:
        UsageError: there is no stored network or no such test object, or the file is not an image.
        WeightsError: a stored network is damaged.
        DataError: see `study.data.load`.
    """
    lines = []
    if image is not None:
        pixels = read_image(image)
    else:
        assert index is not None
        if not 0 <= index < TEST_IMAGES:
            raise UsageError(f"--index must lie in 0…{TEST_IMAGES - 1}, got {index}")
        fashion = load(data_dir, offline=offline)
        pixels = fashion.test_images[index]
        lines.append(f"test object {index}: {CLASS_NAMES[int(fashion.test_labels[index])]}")
    for name, network, resolution in networks(results_dir / "checkpoints"):
        # [listing: predict]
        with torch.inference_mode():
            found = network(to_input(pixels[None], resolution)).softmax(1)[0]
        best = found.argsort(descending=True)[:3]
        named = ", ".join(f"{CLASS_NAMES[int(c)]} {float(found[c]):.3f}" for c in best)
        # [/listing]
        lines.append(f"{name}: {named}")
    return lines


def networks(folder: Path) -> list[tuple[str, Network, int]]:
    """Returns name, network and resolution of the champion, or else of all stored full networks."""
    champion = folder / CHAMPION
    if champion.is_file():
        weights, meta = load_checkpoint(champion)
        try:
            model, resolution = network_name(meta["model"]), int(meta["resolution"])
            if resolution not in RESOLUTIONS:
                raise ValueError
        except (KeyError, TypeError, ValueError, OverflowError, UsageError) as error:
            raise WeightsError(f"{champion} does not say which network it holds") from error
        network = load_adapted(model, weights.state, resolution=resolution, fold=True)
        return [(f"champion ({model})", network, resolution)]
    found = [
        (arm.name, *kept_network(arm, folder))
        for arm in arms(NETWORKS)
        if arm.scope is Scope.FULL and (folder / f"explained-{arm.name}.pth").is_file()
    ]
    if not found:
        raise UsageError(f"{folder.parent} holds no trained network; run a study first")
    return found


def read_image(path: Path) -> Tensor:
    """Reads an image file in the form of FashionMNIST: a grey object on black, uint8 [28, 28].

    Values of more than eight bits are scaled from their own range to 0…255. An image with a light border is
    inverted.

    Raises:
        UsageError: the file is missing, too large, or not a readable image.
    """
    if not path.is_file():  # reading a pipe would block
        raise UsageError(f"{path} is not a file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MOST_PIXELS is lower
            opened = Image.open(path)
        with opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise UsageError(f"{path} is larger than {MOST_PIXELS:,} pixels")
            upright = ImageOps.exif_transpose(opened)
            grey = _eight_bits(upright) if upright.mode[0] in "IF" else upright.convert("L")
    except UsageError:
        raise
    except Exception as error:  # decoders raise many types of errors for damaged images
        raise UsageError(f"{path} is not a readable image") from error
    values = np.asarray(grey)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if border.mean() > 127:
        grey = ImageOps.invert(grey)
    fitted = ImageOps.pad(grey, (FASHION_MNIST.side, FASHION_MNIST.side), Image.Resampling.LANCZOS, color=0)
    return torch.from_numpy(np.asarray(fitted).copy())


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scales wider values to eight bits, because Pillow's own conversion would clip them at 255."""
    values = np.asarray(picture, dtype=np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite((low, high)).all():
        raise ValueError("values that are no numbers")
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(scaled.round().astype(np.uint8))
