"""Checks that accuracies follow from the stored predictions, and their labels from the data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from study.analysis.arms import champion, finished, key
from study.analysis.sources import Sources, hits
from study.data import balanced_order, load
from study.datasets import is_own
from study.spec import StudySpec
from study.verify.check import Check, broken, holds, unchecked

#: Rounding of an accuracy that was summed in another order.
_ROUNDING = 1e-9


def accuracies_follow(sources: Sources) -> Check:
    """Compares test accuracies with the classes that were predicted for each image."""
    found = hits(sources.predictions, sources.labels)
    matrix = [row for _, row in finished(sources.rungs)]
    judged = [*matrix, *filter(None, [champion(sources.results)])]
    if not judged:
        return unchecked("accuracies", "no run has a test accuracy")
    for row in judged:
        name, images, told = key(row), int(row["test_images"]), float(row["test_accuracy"])
        right = found.get(name)
        if right is None:
            return broken("accuracies", f"{name} has a test accuracy, and no predictions are stored")
        if right.size != images:
            return broken("accuracies", f"{name}: predictions of {right.size} images, and not of {images}")
        if abs(float(right.mean()) - told) > _ROUNDING:
            share = f"{right.mean():.4f} of the predictions are right"
            return broken("accuracies", f"{name}: {told:.4f} in the table, {share}")
    return holds("accuracies", f"{len(judged)} follow from predictions")


def labels_are_those_of_the_data(sources: Sources, study: StudySpec, data_dir: Path | None) -> Check:
    """Compares the stored labels with those of the data set in the order that the study's seed gives."""
    if sources.labels is None:
        return unchecked("labels", "predictions.npz holds no labels")
    if sources.data.name != study.dataset:
        return broken(
            "labels", f"the ledger's data set is {study.dataset}, the report's {sources.data.name}"
        )
    own = f"the hand-in's own set {study.dataset}"  # nobody but the hand-in itself has its labels
    title = own if is_own(study.dataset) else study.data.called
    truth = load(study.data, data_dir, offline=True).test_labels
    wanted = truth[balanced_order(truth, seed=study.seed)].numpy()
    if not np.array_equal(sources.labels, wanted):
        return broken(
            "labels", f"those of predictions.npz are not those of {title} in the order of the study's seed"
        )
    return holds("labels", f"{wanted.size:,} are those of {title}")
