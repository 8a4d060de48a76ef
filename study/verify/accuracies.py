"""Checks that the accuracies follow from the stored predictions, and the predictions' labels from the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from study.analysis.arms import key, records
from study.analysis.sources import Sources, hits
from study.data import balanced_order, load
from study.spec import StudySpec
from study.verify.check import Check, broken, holds, unchecked

#: Rounding of an accuracy that was summed in another order.
_ROUNDING = 1e-9


def accuracies_follow(sources: Sources) -> Check:
    """Compares test accuracies with the classes that were predicted for each image."""
    found = hits(sources.predictions, sources.labels)
    known = [*records(sources.rungs), *(row for row in records(sources.results) if row["role"] == "champion")]
    judged = [row for row in known if row["state"] == "finished" and row["test_accuracy"] == row["test_accuracy"]]
    if not judged:
        return unchecked("accuracies", "no run has a test accuracy")
    for row in judged:
        right = found.get(key(row))
        if right is None:
            return broken("accuracies", f"{key(row)} has a test accuracy, and no predictions are stored")
        images = int(row["test_images"])
        if right.size != images:
            return broken("accuracies", f"{key(row)}: predictions of {right.size} images, and not of {images}")
        share = float(right.mean())
        if abs(share - float(row["test_accuracy"])) > _ROUNDING:
            told = f"{key(row)}: {row['test_accuracy']:.4f} in the table, {share:.4f} of the predictions are right"
            return broken("accuracies", told)
    return holds("accuracies", f"{len(judged)} follow from predictions")


def labels_are_those_of_the_data(sources: Sources, study: StudySpec, data_dir: Path | None) -> Check:
    """Compares the stored labels with those of FashionMNIST in the order that the study's seed gives."""
    if sources.labels is None:
        return unchecked("labels", "predictions.npz holds no labels")
    truth = load(data_dir, offline=True).test_labels
    wanted = truth[balanced_order(truth, seed=study.seed)].numpy()
    if not np.array_equal(sources.labels, wanted):
        return broken("labels", "those of predictions.npz are not FashionMNIST's in the order of the study's seed")
    return holds("labels", f"{wanted.size:,} are those of FashionMNIST")
