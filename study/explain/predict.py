"""Classifies one object with the best saved networks of a study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from study.data import CLASS_NAMES, load, to_input
from study.errors import UsageError, WeightsError
from study.models import load_adapted, load_checkpoint
from study.spec import RESOLUTIONS, TEST_IMAGES, ModelName

MOST_PIXELS = 50_000_000


def predict(
    results_dir: Path, image: Path | None, index: int | None, data_dir: Path | None, *, offline: bool
) -> list[str]:
    """Lines to print: for every saved network the three likeliest classes.

    Raises:
        UsageError: no saved network, no such test object, or not an image.
    """
    paths = sorted((results_dir / "checkpoints").glob("*-best.pth"))
    if not paths:
        raise UsageError(f"{results_dir} holds no trained network; run a study first")
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
    for path in paths:
        weights, meta = load_checkpoint(path)
        try:
            model, resolution = ModelName(meta["model"]), int(meta["resolution"])
            if resolution not in RESOLUTIONS:
                raise ValueError
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise WeightsError(f"{path} does not say which network it holds") from error
        # [listing: predict]
        network = load_adapted(model, weights.state, resolution=resolution, fold=True)
        with torch.inference_mode():
            found = network(to_input(pixels[None], resolution)).softmax(1)[0]
        best = found.argsort(descending=True)[:3]
        named = ", ".join(f"{CLASS_NAMES[int(c)]} {float(found[c]):.3f}" for c in best)
        # [/listing]
        lines.append(f"{path.stem.removesuffix('-best')}: {named}")
    return lines


def read_image(path: Path) -> Tensor:
    """Any image file as FashionMNIST shows things: grey, light on black, uint8 [28, 28]."""
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise UsageError(f"{path} is larger than {MOST_PIXELS:,} pixels")
            grey = ImageOps.exif_transpose(opened).convert("L")
    except UsageError:
        raise
    except Exception as error:  # decoders of damaged pictures raise many types
        raise UsageError(f"{path} is not a readable image") from error
    values = np.asarray(grey)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    if border.mean() > 127:
        grey = ImageOps.invert(grey)
    fitted = ImageOps.pad(grey, (28, 28), Image.Resampling.LANCZOS, color=0)
    return torch.from_numpy(np.asarray(fitted).copy())
