"""Whole runs on real images: what they leave, and that nothing inside them ends a study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from study.data import balanced_order, split
from study.models import Weights, build, trunk_state
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.records import EvaluationPoint, Reason, RunState
from study.spec import Experiment, FirstConv, HyperParams, Init, Purpose, Scope
from study.training import features
from study.training.evaluate import probabilities, quality
from study.training.judging import judged
from study.training.run import Workshop, run
from tests.training.conftest import SpecOf, assert_equal


@pytest.mark.parametrize("model", DEFAULT)
@pytest.mark.parametrize("scope", list(Scope))
def test_a_final_run_is_judged_and_repeats_itself(
    small: Workshop, spec_of: SpecOf, model: ModelName, scope: Scope, tmp_path: Path
) -> None:
    spec = spec_of(model, scope, purpose=Purpose.FINAL, train_images=96, rung=96)
    first, again = run(spec, small), run(spec, replace(small, folder=tmp_path / "other"))
    record = first.record
    assert record.state is RunState.FINISHED, record.reason
    assert record.samples_seen == 96
    points = [512, 1_024, 1_536, 1_920] if scope is Scope.FROZEN else [96]
    assert [point.samples_seen for point in record.history] == points
    assert_equal(again, first)
    assert first.test_probabilities is not None and first.test_probabilities.shape == (100, 10)
    assert first.network is not None
    images = small.images.test_images[small.test_order]
    whole = probabilities(first.network, images, 32, small.runtime)
    assert whole.tolist() == first.test_probabilities.tolist()
    right = whole.argmax(1) == small.images.test_labels[small.test_order].numpy()
    assert record.test_accuracy == pytest.approx(right.mean())
    last = record.history[-1]
    assert (last.val_accuracy, last.val_loss) == (record.val_accuracy, record.val_loss)
    head = sum(p.numel() for p in first.network.head.parameters())
    trainable = head if scope is Scope.FROZEN else first.network.original_parameters
    assert record.trainable_parameters == trainable
    assert record.threads == small.runtime.threads
    assert record.wall_seconds >= record.judging_seconds > 0 and record.train_seconds > 0


def test_a_judgement_is_of_the_first_images_of_its_sets(shop: Workshop, spec_of: SpecOf) -> None:
    """The split of the run's own seed, and the study's order of the test images."""
    spec = spec_of(GOOGLENET, Scope.FROZEN, purpose=Purpose.FINAL, train_images=54_000, rung=64)
    shop = replace(shop, seed=5)
    outcome = run(spec, shop)
    record, network, fashion = outcome.record, outcome.network, shop.images
    sizes = judged(spec)
    assert network is not None and outcome.test_probabilities is not None
    assert (record.validation_images, record.test_images) == (sizes.validation, sizes.test) == (500, 500)
    assert record.train_judged == sizes.train
    parts = split(fashion.train_labels, seed=spec.seed, validation=6_000)
    order = balanced_order(fashion.test_labels, seed=5)[:500]

    def accuracy(images: Tensor, labels: Tensor) -> float:
        return quality(probabilities(network, images, 32, shop.runtime), labels).accuracy

    held = parts.validation[:500]
    assert record.val_accuracy == accuracy(fashion.train_images[held], fashion.train_labels[held])
    assert record.test_accuracy == accuracy(fashion.test_images[order], fashion.test_labels[order])
    own = parts.train[: min(sizes.train, spec.rung)]
    assert record.train_accuracy == accuracy(fashion.train_images[own], fashion.train_labels[own])


def test_a_trial_never_sees_the_test_images(small: Workshop, spec_of: SpecOf) -> None:
    outcome = run(spec_of(GOOGLENET, Scope.FROZEN, train_images=64, rung=64), small)
    record = outcome.record
    assert record.finished and record.val_accuracy is not None
    assert outcome.test_probabilities is None
    assert record.test_accuracy is record.test_loss is record.test_images is record.train_accuracy is None


@pytest.mark.parametrize(("rung", "images"), [(64, 64), (150, 120), (1_000, 120)])
def test_a_frozen_run_passes_its_images_once_and_the_head_many_times(
    small: Workshop, spec_of: SpecOf, rung: int, images: int
) -> None:
    spec = spec_of(GOOGLENET, Scope.FROZEN, train_images=120, rung=rung, head_passes=5)
    record = run(spec, small).record
    assert record.samples_seen == images and record.history[-1].samples_seen == 5 * images


@pytest.mark.parametrize("model", DEFAULT)
def test_a_frozen_backbone_does_not_move(small: Workshop, spec_of: SpecOf, model: ModelName) -> None:
    spec = spec_of(model, Scope.FROZEN, train_images=96, rung=96)
    trained = run(spec, small).network
    fresh = build(model, weights=None, resolution=32, fold=True, seed=spec.seed)
    assert trained is not None
    moved = {
        name
        for name, value in trained.state_dict().items()
        if not torch.equal(value, fresh.state_dict()[name])
    }
    assert moved == {"head.weight", "head.bias"}


@pytest.mark.parametrize("model", DEFAULT)
def test_only_unfrozen_stages_move(small: Workshop, spec_of: SpecOf, model: ModelName) -> None:
    spec = spec_of(
        model,
        Scope.FULL,
        purpose=Purpose.SIDE,
        experiment=Experiment.DEPTH,
        unfrozen_stages=1,
        rung=64,
        train_images=64,
    )
    outcome = run(spec, small)
    trained = outcome.network
    fresh = build(model, weights=None, resolution=32, fold=True, seed=spec.seed)
    assert trained is not None and outcome.record.test_accuracy is not None
    moved = {
        name
        for name, value in trained.state_dict().items()
        if not torch.equal(value, fresh.state_dict()[name])
    }
    last = trained.stages[-2]
    assert any(last.holds(name) for name in moved)
    assert all(name.startswith("head.") or last.holds(name) for name in moved), moved
    assert outcome.record.trainable_parameters == sum(
        p.numel() for n, p in trained.named_parameters() if n.startswith("head.") or last.holds(n)
    )


def test_a_run_starts_with_the_first_convolution_it_names(small: Workshop, spec_of: SpecOf) -> None:
    model = GOOGLENET
    donor = build(model, weights=None, resolution=32, fold=True, seed=8)
    weights = Weights(source="x", sha256="", state=trunk_state(donor), channels=1, covers="network")
    shop = replace(small, weights={model: weights})
    base = spec_of(model, Scope.FULL, rung=32, train_images=32)
    spec = replace(
        base,
        arm=replace(base.arm, init=Init.PRETRAINED),
        purpose=Purpose.SIDE,
        trial=None,
        experiment=Experiment.ADAPTATION,
        first_conv=FirstConv.FRESH,
        hyper=HyperParams(lr=1e-9),
    )
    trained = run(spec, shop).network
    scratch = build(model, weights=None, resolution=32, fold=True, seed=spec.seed)
    assert trained is not None
    assert torch.allclose(trained.first_conv().weight, scratch.first_conv().weight, atol=1e-6)
    assert torch.allclose(trained.body.conv2.conv.weight, donor.body.conv2.conv.weight, atol=1e-6)


def test_the_second_trial_takes_the_features_from_the_cache(small: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(GOOGLENET, Scope.FROZEN, train_images=96, rung=96)
    first = run(spec, small).record
    second = run(replace(spec, trial=1, hyper=replace(spec.hyper, lr=2e-3)), small).record
    assert first.cached_seconds == 0 < second.cached_seconds
    assert second.train_seconds >= second.cached_seconds
    assert first.step_seconds == first.train_seconds
    assert second.step_seconds == pytest.approx(second.train_seconds - second.cached_seconds)


def test_a_head_that_disagrees_with_its_network_is_no_result(
    small: Workshop, spec_of: SpecOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "LOGIT_TOLERANCE", 0.0)
    record = run(spec_of(VGG11, Scope.FROZEN, train_images=96, rung=96), small).record
    assert record.state is RunState.FAILED and "cached features" in record.reason


def test_the_deadline_interrupts_between_steps(small: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(GOOGLENET, Scope.FULL, purpose=Purpose.FINAL, rung=20_000, train_images=128)
    calls = iter(range(10**9))
    outcome = run(spec, small, stop=lambda: next(calls) > 5)
    assert outcome.record.state is RunState.INTERRUPTED and outcome.record.samples_seen == 6 * 32
    assert outcome.record.reason == Reason.DEADLINE.value
    assert outcome.test_probabilities is None and outcome.record.test_accuracy is None
    assert outcome.record.val_accuracy is None and outcome.network is None


def test_points_of_the_curve_are_shown_as_they_are_made(small: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(GOOGLENET, Scope.FROZEN, train_images=150, rung=150)
    shown: list[EvaluationPoint] = []
    record = run(spec, small, on_point=shown.append).record
    assert tuple(shown) == record.history[:-1], "the last one has validation too: it is the record's"
    assert record.history[-1].samples_seen == 20 * 150


@pytest.mark.parametrize("error", [MemoryError("no room"), RuntimeError("CUDA error: x\ntrace")])
def test_what_breaks_inside_is_a_failed_run(small: Workshop, spec_of: SpecOf, error: Exception) -> None:
    def look() -> bool:
        raise error

    spec = spec_of(GOOGLENET, Scope.FROZEN, train_images=64, rung=64)
    record = run(spec, small, stop=look).record
    assert record.state is RunState.FAILED
    assert type(error).__name__ in record.reason and "\n" not in record.reason


def test_a_head_is_checked_where_its_images_take_several_batches(small: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(GOOGLENET, Scope.FROZEN, resolution=128, train_images=110, rung=110)
    record = run(spec, small).record
    assert record.state is RunState.FINISHED, record.reason
