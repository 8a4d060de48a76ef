"""What the end of a study leaves of explanations, and what a judged network leaves for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from finished import record_of

from study.budget import Deadline
from study.explain.untrained import fresh_network
from study.networks import GOOGLENET
from study.orchestration.executors.protocol import Bench, Site
from study.orchestration.executors.run_artifacts import artifacts_of, keep_weights
from study.orchestration.executors.tasks import Explain, Picture, arrays_path, run_arrays
from study.records import RunRecord
from study.spec import Init, Purpose, Scope, StudySpec
from study.store.files import write_arrays
from study.training.evaluate import probabilities
from study.training.run import Outcome, Workshop

OBJECT = 7


def _outcome(record: RunRecord, shop: Workshop) -> Outcome:
    network = fresh_network(record, shop).eval()
    if record.spec.arm.scope is Scope.FROZEN:
        network.freeze()
    images = shop.images.test_images[shop.test_order]
    return Outcome(
        record=record, network=network, test_probabilities=probabilities(network, images, 32, shop.runtime)
    )


@pytest.fixture
def finals(shop: Workshop) -> tuple[RunRecord, ...]:
    """A study that has finished two of the three networks, kept as a worker keeps them."""
    records = (record_of(Init.PRETRAINED, Scope.FROZEN), record_of(Init.SCRATCH, Scope.FULL))
    for record in records:
        outcome = _outcome(record, shop)
        write_arrays(arrays_path(shop.folder, record.spec), artifacts_of(outcome, shop, OBJECT))
        keep_weights(outcome, shop.folder)
    return records


def _site(shop: Workshop, check: Callable[[], bool]) -> Site:
    bench = Bench(
        study=StudySpec(models=(GOOGLENET,)),
        runtime=shop.runtime,
        folder=shop.folder,
        object_index=OBJECT,
    )
    limit = Deadline(budget=600, started=time.monotonic())
    return Site(
        shop=shop, bench=bench, check=check, limit=limit, tell=lambda *event: None, show=lambda point: None
    )


def _pictures(finals: tuple[RunRecord, ...], champion: RunRecord | None = None) -> Picture:
    return Picture(index=OBJECT, runs=finals, champion=champion)


def test_maps_are_made_or_their_absence_is_noted(shop: Workshop, finals: tuple[RunRecord, ...]) -> None:
    folder = shop.folder / "artifacts"
    files = (folder / "gradcam-googlenet.npz", folder / "featuremap-googlenet.npz")
    task = Explain(index=OBJECT, model=GOOGLENET, runs=finals, weights={})
    assert task.carry_out(_site(shop, lambda: True)) == "stopped by the deadline"
    assert not any(path.exists() for path in files)
    assert task.carry_out(_site(shop, lambda: False)) == ""
    assert all(path.is_file() for path in files)
    _pictures(finals).carry_out(_site(shop, lambda: False))
    assert (folder / "object.npz").is_file() and (folder / "errors.npz").is_file()


def test_the_champion_comes_first(shop: Workshop, finals: tuple[RunRecord, ...]) -> None:
    """It is the network of the one object and of the errors, whatever its validation accuracy is."""
    base = record_of(Init.SCRATCH, Scope.FULL)
    champion = replace(base, spec=replace(base.spec, purpose=Purpose.CHAMPION, seed=2), val_accuracy=0.1)
    outcome = _outcome(champion, shop)
    write_arrays(arrays_path(shop.folder, champion.spec), artifacts_of(outcome, shop, OBJECT))
    runs = tuple(replace(record, val_accuracy=0.9) for record in finals)
    _pictures(runs, champion).carry_out(_site(shop, lambda: False))
    with np.load(shop.folder / "artifacts" / "object.npz") as stored:
        assert stored["run_ids"].tolist() == [r.spec.run_id for r in (champion, *finals)]
        assert int(stored["index"]) == OBJECT
        assert int(stored["label"]) == int(shop.images.test_labels[OBJECT])
    assert outcome.test_probabilities is not None
    with np.load(shop.folder / "artifacts" / "errors.npz") as stored:
        own = dict(zip(shop.test_order.tolist(), outcome.test_probabilities.argmax(1), strict=True))
        assert len(stored["index"]) == 12
        assert stored["predicted"].tolist() == [own[index] for index in stored["index"].tolist()]
        assert stored["label"].tolist() == shop.images.test_labels[stored["index"]].tolist()
        assert (stored["predicted"] != stored["label"]).all()
        assert stored["confidence"].tolist() == sorted(stored["confidence"].tolist(), reverse=True)


def test_a_judged_network_leaves_its_answers_and_what_training_changed(
    shop: Workshop, finals: tuple[RunRecord, ...]
) -> None:
    frozen, full = (run_arrays(shop.folder, record.spec) for record in finals)
    assert set(frozen) == {"class", "probabilities", "object"}
    assert set(full) == {*frozen, "stages", "relative_change"}, "from scratch nothing can be kept"
    assert full["class"].dtype == np.uint8 and full["class"].shape == (100,)
    assert full["probabilities"].dtype == np.float16 and full["probabilities"].shape == (100, 10)
    place = shop.test_order.tolist().index(OBJECT)
    assert np.allclose(full["object"], full["probabilities"][place], atol=1e-3)
    assert (full["class"] == full["probabilities"].argmax(1)).mean() > 0.9  # half precision has ties


def test_a_short_training_is_not_compared_with_its_beginning(shop: Workshop) -> None:
    long = record_of(Init.SCRATCH, Scope.FULL)
    short = replace(long, spec=replace(long.spec, rung=2_000))
    assert set(artifacts_of(_outcome(short, shop), shop, OBJECT)) == {"class", "probabilities", "object"}


def test_only_networks_that_are_explained_are_kept(shop: Workshop) -> None:
    base = record_of(Init.SCRATCH, Scope.FULL)
    second = replace(base, spec=replace(base.spec, seed=2))
    trial = replace(base, spec=replace(base.spec, purpose=Purpose.TRIAL, trial=0))
    for record in (second, trial):
        keep_weights(_outcome(record, shop), shop.folder)
    assert not (shop.folder / "checkpoints").exists()
