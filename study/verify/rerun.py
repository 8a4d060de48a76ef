"""Judges the stored champion again on all test images: it must give the predictions that are stored."""

from __future__ import annotations

from pathlib import Path

import torch

from study.analysis.arms import champion, key
from study.analysis.sources import Sources
from study.data import balanced_order, load, to_input
from study.explain.predict import stored_networks
from study.spec import StudySpec
from study.training.evaluate import evaluation_batch
from study.verify.check import Check, broken, holds, unchecked

#: Share of images whose class may differ: another processor rounds otherwise, which turns close calls.
_TURNED = 0.005


def champion_repeats(sources: Sources, study: StudySpec, folder: Path, data_dir: Path | None) -> Check:
    """Passes the test images through the stored champion and compares the classes."""
    row = champion(sources.results)
    if row is None or key(row) not in sources.predictions:
        return unchecked("champion", "there is none with stored predictions")
    stored = torch.from_numpy(sources.predictions[key(row)])
    images = load(study.data, data_dir, offline=True)
    order = balanced_order(images.test_labels, seed=study.seed)[: stored.numel()]
    ((_, network, resolution), *_) = stored_networks(folder / "checkpoints", study.data)
    found = []
    with torch.inference_mode():
        for part in torch.split(order, evaluation_batch(resolution)):
            found.append(network(to_input(images.test_images[part], resolution)).argmax(1))
    turned = float((torch.cat(found) != stored).float().mean())
    if turned > _TURNED:
        return broken(
            "champion", f"the stored network classifies {turned:.1%} of the test images otherwise"
        )
    return holds("champion", f"judged again, {turned:.2%} of the classes differ")
