"""Results with a real champion: a ResNet-18 that learnt for some steps, judged on the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from champions import write_study
from torch import nn

from study.data import LabelledImages, to_input
from study.datasets import FASHION_MNIST
from study.explain.stored_champion import StoredChampion, stored_champion
from study.export.export import write_checked
from study.export.formats import ONNX, TORCHSCRIPT
from study.models import Network, build
from study.networks import ModelName
from study.orchestration.executors.run_artifacts import keep_weights
from study.records import RunRecord, RunState
from study.spec import Arm, Init, LrPolicy, Purpose, RunSpec, Scope
from study.store.files import write_arrays
from study.training.batchnorm_recalibration import settle
from study.training.defaults import default_hyper
from study.training.evaluate import Probabilities, probabilities, quality
from study.training.run import Outcome
from study.training.runtime import detect

STEPS = 4
#: Its export to ONNX takes half the seconds of that of GoogLeNet.
RESNET18 = ModelName("resnet18")
ARM = Arm(model=RESNET18, init=Init.PRETRAINED, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM)


@pytest.fixture(scope="session")
def network(few: LabelledImages) -> Network:
    """After a few steps, with statistics of real images, so that answers depend on the picture."""
    trained = build(RESNET18, weights=None, resolution=32, fold=True, seed=5).train()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-3)
    for part in torch.arange(len(few.train_images)).chunk(STEPS):
        logits = trained(to_input(few.train_images[part], 32))
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, few.train_labels[part]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    settle(trained, iter([to_input(few.train_images, 32)]), trained)
    return trained.eval()


@pytest.fixture(scope="session")
def shares(network: Network, few: LabelledImages) -> Probabilities:
    """Class probabilities of the 100 test images of the sample."""
    return probabilities(network, few.test_images, 32, detect("cpu", "fp32"))


@pytest.fixture(scope="session")
def record(shares: Probabilities, few: LabelledImages) -> RunRecord:
    judged = quality(shares, few.test_labels)
    spec = RunSpec(
        arm=ARM,
        purpose=Purpose.CHAMPION,
        seed=1,
        hyper=default_hyper(ARM),
        rung=len(few.train_images),
        init_source="fractal",
        weights_sha256="ab" * 32,
    )
    return RunRecord(
        spec=spec,
        state=RunState.FINISHED,
        samples_seen=spec.rung,
        val_accuracy=0.5,
        validation_images=50,
        test_accuracy=judged.accuracy,
        test_loss=judged.loss,
        macro_f1=judged.macro_f1,
        ece=judged.ece,
        test_images=len(few.test_labels),
        train_seconds=12.4,
    )


@pytest.fixture(scope="session")
def results(
    network: Network,
    record: RunRecord,
    shares: Probabilities,
    few: LabelledImages,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A results directory with ledger, champion and predictions; no test changes it."""
    folder = tmp_path_factory.mktemp("study") / "results"
    keep_weights(Outcome(record=record, network=network), folder)
    write_study(folder, record)
    name = f"{record.spec.run_id}.{record.spec.rung}"
    arrays = {
        "labels": few.test_labels.numpy().astype(np.uint8),
        f"{name}.class": shares.argmax(1).astype(np.uint8),
        f"{name}.probabilities": shares.astype(np.float16),
    }
    write_arrays(folder / "predictions.npz", arrays)
    return folder


@pytest.fixture(scope="session")
def champion(results: Path) -> StoredChampion:
    found = stored_champion(results / "checkpoints", FASHION_MNIST)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def files(
    champion: StoredChampion, few: LabelledImages, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The champion in each form, by the name of the form; no test changes a file."""
    folder = tmp_path_factory.mktemp("files")
    found = {}
    for form in (ONNX, TORCHSCRIPT):
        found[form.name] = folder / f"champion{form.ending}"
        write_checked(form, found[form.name], champion, few.test_images)
    return found
