"""Whole runs on real images: what they leave, and that nothing inside them ends a study."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from study.models import Weights, build, trunk_state
from study.records import EvaluationPoint, Reason, RunState
from study.spec import (
    Experiment,
    FirstConv,
    HyperParams,
    Init,
    ModelName,
    Purpose,
    Scope,
)
from study.training import run as run_module
from study.training.evaluate import probabilities
from study.training.loop import Pruned
from study.training.run import Workshop, run
from tests.training.conftest import SpecOf


@pytest.mark.parametrize("model", list(ModelName))
@pytest.mark.parametrize("scope", list(Scope))
def test_a_final_run_is_judged_and_repeats_itself(
    shop: Workshop, spec_of: SpecOf, model: ModelName, scope: Scope
) -> None:
    few = replace(
        shop.fashion,
        test_images=shop.fashion.test_images[:200],
        test_labels=shop.fashion.test_labels[:200],
    )
    shop = replace(shop, fashion=few)
    spec = spec_of(model, scope, purpose=Purpose.FINAL, trial=None, train_images=96, samples=96)
    first, again = run(spec, shop), run(spec, replace(shop, cache=run_module.FeatureCache()))
    record = first.record
    assert record.state is RunState.FINISHED, record.reason
    assert record.samples_seen == 96 and len(record.history) == 2
    assert first.test_probabilities is not None and first.test_probabilities.shape == (200, 10)
    assert first.test_probabilities.tolist() == again.test_probabilities.tolist()
    assert record.test_accuracy == again.record.test_accuracy
    assert first.network is not None
    whole = probabilities(first.network, few.test_images, 32, shop.runtime)
    assert whole.tolist() == first.test_probabilities.tolist()
    head = sum(p.numel() for p in first.network.head.parameters())
    trainable = head if scope is Scope.FROZEN else first.network.original_parameters
    assert record.trainable_parameters == trainable


@pytest.mark.parametrize("model", list(ModelName))
def test_a_frozen_backbone_does_not_move(shop: Workshop, spec_of: SpecOf, model: ModelName) -> None:
    spec = spec_of(model, Scope.FROZEN)
    trained = run(spec, shop).network
    fresh = build(model, weights=None, resolution=32, fold=True, seed=spec.seed)
    assert trained is not None
    moved = {
        name for name, value in trained.state_dict().items()
        if not torch.equal(value, fresh.state_dict()[name])
    }  # fmt: skip
    assert moved == {"head.weight", "head.bias"}


@pytest.mark.parametrize("model", list(ModelName))
def test_only_unfrozen_stages_move(shop: Workshop, spec_of: SpecOf, model: ModelName) -> None:
    spec = spec_of(
        model, Scope.FULL, purpose=Purpose.SIDE, experiment=Experiment.DEPTH, unfrozen_stages=1,
        trial=None, samples=64, train_images=64,
    )  # fmt: skip
    few = replace(
        shop.fashion,
        test_images=shop.fashion.test_images[:50],
        test_labels=shop.fashion.test_labels[:50],
    )
    outcome = run(spec, replace(shop, fashion=few))
    trained = outcome.network
    fresh = build(model, weights=None, resolution=32, fold=True, seed=spec.seed)
    assert trained is not None and outcome.record.test_accuracy is not None
    moved = {
        name for name, value in trained.state_dict().items()
        if not torch.equal(value, fresh.state_dict()[name])
    }  # fmt: skip
    last = trained.stages[-2]
    assert any(last.holds(name) for name in moved)
    assert all(name.startswith("head.") or last.holds(name) for name in moved), moved
    assert outcome.record.trainable_parameters == sum(
        p.numel() for n, p in trained.named_parameters() if n.startswith("head.") or last.holds(n)
    )


def test_a_run_starts_with_the_first_convolution_it_names(shop: Workshop, spec_of: SpecOf) -> None:
    model = ModelName.GOOGLENET
    donor = build(model, weights=None, resolution=32, fold=True, seed=8)
    weights = Weights(source="x", sha256="", state=trunk_state(donor), channels=1, covers="network")
    few = replace(
        shop.fashion,
        test_images=shop.fashion.test_images[:50],
        test_labels=shop.fashion.test_labels[:50],
    )
    shop = replace(shop, fashion=few, weights={model.value: weights})
    base = spec_of(model, Scope.FULL, trial=None, samples=32, train_images=32)
    spec = replace(
        base, arm=replace(base.arm, init=Init.PRETRAINED), purpose=Purpose.SIDE,
        experiment=Experiment.ADAPTATION, first_conv=FirstConv.FRESH, hyper=HyperParams(lr=1e-9),
    )  # fmt: skip
    trained = run(spec, shop).network
    scratch = build(model, weights=None, resolution=32, fold=True, seed=spec.seed)
    assert trained is not None
    assert torch.allclose(trained.first_conv().weight, scratch.first_conv().weight, atol=1e-6)
    assert torch.allclose(trained.body.conv2.conv.weight, donor.body.conv2.conv.weight, atol=1e-6)


def test_the_second_trial_takes_the_features_from_the_cache(shop: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(ModelName.GOOGLENET, Scope.FROZEN)
    first = run(spec, shop).record
    second = run(replace(spec, trial=1, hyper=replace(spec.hyper, lr=2e-3)), shop).record
    assert first.cached_seconds == 0 < second.cached_seconds
    assert second.train_seconds >= second.cached_seconds


def test_a_head_that_disagrees_with_its_network_is_no_result(
    shop: Workshop, spec_of: SpecOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOGIT_TOLERANCE", 0.0)
    record = run(spec_of(ModelName.VGG11, Scope.FROZEN), shop).record
    assert record.state is RunState.FAILED and "cached features" in record.reason


def test_the_deadline_interrupts_between_steps(shop: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(ModelName.GOOGLENET, Scope.FULL, samples=20_000)
    points: list[EvaluationPoint] = []
    calls = iter(range(10**9))
    outcome = run(spec, shop, stop=lambda: next(calls) > 5, on_evaluation=points.append)
    assert outcome.record.state is RunState.INTERRUPTED
    assert outcome.record.reason == Reason.DEADLINE.value
    assert outcome.test_probabilities is None and outcome.record.test_accuracy is None


def test_tuning_gives_a_trial_up(shop: Workshop, spec_of: SpecOf) -> None:
    def judge(point: EvaluationPoint) -> None:
        raise Pruned

    record = run(spec_of(ModelName.GOOGLENET, Scope.FROZEN), shop, on_evaluation=judge).record
    assert record.state is RunState.PRUNED and len(record.history) == 1
    assert record.val_accuracy == record.history[0].val_accuracy


@pytest.mark.parametrize("error", [MemoryError("no room"), RuntimeError("CUDA error: x\ntrace")])
def test_what_breaks_inside_is_a_failed_run(
    shop: Workshop, spec_of: SpecOf, error: Exception
) -> None:
    def judge(point: EvaluationPoint) -> None:
        raise error

    record = run(spec_of(ModelName.GOOGLENET, Scope.FROZEN), shop, on_evaluation=judge).record
    assert record.state is RunState.FAILED
    assert type(error).__name__ in record.reason and "\n" not in record.reason


def test_a_head_is_checked_where_its_images_take_several_batches(
    small: Workshop, spec_of: SpecOf
) -> None:
    spec = spec_of(ModelName.GOOGLENET, Scope.FROZEN, resolution=128, train_images=110, samples=110,
                   validation_images=20)  # fmt: skip
    record = run(spec, small).record
    assert record.state is RunState.FINISHED, record.reason
