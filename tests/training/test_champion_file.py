"""A real champion of some seconds, and its file, which torchvision's own classes read."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import googlenet, vgg11

from study.budget import Deadline
from study.data import to_input
from study.datasets import FASHION_MNIST
from study.explain.snapshots import CHAMPION
from study.models import Network, build, load_adapted, load_checkpoint
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.orchestration.executors.protocol import Bench, Site
from study.orchestration.executors.run_artifacts import keep_weights
from study.orchestration.executors.tasks import ChampionClock, Train
from study.records import RunRecord, RunState
from study.spec import Purpose, RunSpec, Scope, StudySpec
from study.training.checkpoint import trunk
from study.training.run import Outcome, Workshop, run
from study.training.schedule import branch_point
from tests.training.conftest import SpecOf


def _torchvision(model: ModelName) -> nn.Module:
    """Its own class with one input channel and ten outputs."""
    network: Any
    if model == VGG11:
        network = vgg11(weights=None, init_weights=False, num_classes=10)
        network.features[0] = nn.Conv2d(1, 64, 3, padding=1)
    else:
        network = googlenet(
            weights=None, aux_logits=False, init_weights=False, transform_input=False, num_classes=10
        )
        network.conv1.conv = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    return network.eval()  # type: ignore[no-any-return]


def _read(results: Path, model: ModelName) -> nn.Module:
    network = _torchvision(model)
    content = torch.load(results / "checkpoints" / CHAMPION, weights_only=True)
    network.load_state_dict(content["state"], strict=True)
    return network


@torch.inference_mode()
def _logits(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network.eval()(to_input(images, 32))
    return found


@pytest.mark.parametrize("model", DEFAULT)
def test_torchvisions_class_reads_the_champion_and_answers_the_same(
    small: Workshop, spec_of: SpecOf, model: ModelName
) -> None:
    """Weights away from where they began, and statistics too; VGG11's are folded while it is trained."""
    network: Network = build(model, weights=None, resolution=32, fold=True, seed=5).train()
    images = small.images.test_images[:50]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    loss = nn.functional.cross_entropy(network(to_input(images, 32)), small.images.test_labels[:50])
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    spec = spec_of(model, Scope.FULL, purpose=Purpose.CHAMPION, rung=2_000)
    record = RunRecord(spec=spec, state=RunState.FINISHED)
    keep_weights(Outcome(record=record, network=network), small.folder)
    expected = _logits(network, images)
    found = _logits(_read(small.folder, model), images)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    weights, meta = load_checkpoint(small.folder / "checkpoints" / CHAMPION)
    assert (meta["model"], meta["run_id"], meta["rung"]) == (model, spec.run_id, 2_000)
    again = load_adapted(model, weights.state, resolution=32, fold=True)
    torch.testing.assert_close(_logits(again, images), expected, rtol=0, atol=1e-5)


def _site(shop: Workshop, seconds: float) -> Site:
    study = StudySpec(models=(GOOGLENET,))
    bench = Bench(study=study, runtime=shop.runtime, folder=shop.folder)
    return Site(
        shop=shop,
        bench=bench,
        check=lambda: False,
        tell=lambda *event: None,
        limit=Deadline(budget=seconds, started=time.monotonic()),
        show=lambda point: None,
    )


def test_a_real_champion_goes_on_from_a_run_of_the_matrix(shop: Workshop, spec_of: SpecOf) -> None:
    source: RunSpec = spec_of(GOOGLENET, Scope.FULL, purpose=Purpose.FINAL, rung=512, train_images=54_000)
    assert run(source, shop).record.finished
    state, _ = trunk(shop.folder, source.run_id).load()
    assert state is not None
    task = Train(
        spec=replace(source, purpose=Purpose.CHAMPION, rung=2_000),
        weights={},
        threads=1,
        clock=ChampionClock(from_run=source.run_id, judging=5.0),
    )
    ran = task.carry_out(_site(shop, 9.0))
    record = ran.record
    assert record.state is RunState.FINISHED, record.reason
    assert record.spec.run_id == task.spec.run_id and record.spec.rung == record.samples_seen
    assert record.samples_seen > branch_point(source) == state["samples_seen"]
    assert record.train_seconds > state["seconds"]
    assert record.step_seconds == pytest.approx(record.train_seconds - state["seconds"])
    assert record.test_images == FASHION_MNIST.test_images and record.test_accuracy is not None
    assert ran.arrays["class"].shape == (FASHION_MNIST.test_images,)
    assert (record.validation_images, record.train_judged, record.threads) == (2_000, 2_000, 1)
    labels = shop.images.test_labels[shop.test_order].numpy()
    assert record.test_accuracy == pytest.approx((ran.arrays["class"] == labels).mean())
    images = shop.images.test_images[shop.test_order[:200]]
    shares = _logits(_read(shop.folder, GOOGLENET), images).softmax(1).numpy()
    assert abs(shares - ran.arrays["probabilities"][:200]).max() < 1e-3, "up to half precision"
