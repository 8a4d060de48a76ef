"""Kills trainings again and again and checks that their weights are those of unkilled ones."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

from study.data import load
from study.datasets import FASHION_MNIST
from study.matrix import arms
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.spec import HyperParams, Init, Precision, Purpose, RunSpec, Scope
from study.training.checkpoint import cooldown, trunk, unfinished
from study.training.run import Workshop, run
from study.training.runtime import Runtime, adopt, detect, one_thread

#: Seconds after a new checkpoint within which a kill falls.
WITHIN = 1.0
#: Seconds between checkpoints; GoogLeNet writes one at every step.
EVERY = {GOOGLENET: 0.0, VGG11: 2.0}
RUNGS = {GOOGLENET: 1_600, VGG11: 3_200}
_CONTEXT = multiprocessing.get_context("spawn")


def exact_resume(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kills a full training of each network `kills` times, then lets it end."""
    rng = random.Random(seed)
    faults: list[str] = []
    killed = cut = 0
    runtime = one_thread(detect("cpu", "fp32"))  # another number of threads would round otherwise
    for model in DEFAULT:
        spec = _spec(model)
        unbroken = _end(spec, runtime, folder / f"{model}-unbroken")
        place = folder / f"{model}-killed"
        for _ in range(kills):
            before, process = _reached(spec, place), _start(spec, runtime, place)
            while process.is_alive() and _reached(spec, place) <= before:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, WITHIN))
            process.kill()
            process.join()
            killed += process.exitcode != 0
        cut += len(list(unfinished(place).glob(".*.part")))  # this benchmark does not remove them
        if _end(spec, runtime, place) != unbroken:
            faults.append(f"{model}: other weights or another record")
    if killed < kills * len(DEFAULT):
        faults.append(f"only {killed} kills fell into a training")
    return {
        "name": "SIGKILL of a training, then on from its checkpoint: weights bit for bit",
        "tried": killed,
        "faults": faults,
        "cut_checkpoints": cut,
    }


def _spec(model: ModelName) -> RunSpec:
    arm = next(a for a in arms((model,)) if (a.init, a.scope) == (Init.SCRATCH, Scope.FULL))
    return RunSpec(
        arm=arm,
        purpose=Purpose.FINAL,
        seed=3,
        hyper=HyperParams(lr=1e-3),
        train_images=1_000,
        rung=RUNGS[model],
        batch_size=32,
        precision=Precision.FP32,
    )


def _reached(spec: RunSpec, folder: Path) -> int:
    """Returns the samples of the newest checkpoint, of the trunk or of the copy that cools down."""
    return max(
        trunk(folder, spec.run_id).samples_seen(), cooldown(folder, spec.run_id, spec.rung).samples_seen()
    )


def _start(spec: RunSpec, runtime: Runtime, folder: Path) -> Any:
    process = _CONTEXT.Process(target=_train, args=(spec, runtime, folder), daemon=True)
    process.start()
    return process


def _end(spec: RunSpec, runtime: Runtime, folder: Path) -> str:
    """Runs the training to its end; returns the digest of its weights and measured values."""
    process = _start(spec, runtime, folder)
    process.join()
    return (folder / "digest").read_text(encoding="ascii") if process.exitcode == 0 else "no end"


def _train(spec: RunSpec, runtime: Runtime, folder: Path) -> None:
    adopt(runtime)
    fashion = load(FASHION_MNIST, offline=True)
    shop = Workshop(
        images=fashion,
        runtime=runtime,
        weights={},
        folder=folder,
        checkpoint_seconds=EVERY[spec.arm.model],
    )
    outcome = run(spec, shop)
    assert outcome.network is not None
    digest = hashlib.sha256()
    for name, value in outcome.network.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    record = outcome.record
    points = [(point.samples_seen, point.train_loss, point.val_accuracy) for point in record.history]
    digest.update(repr((record.test_accuracy, record.test_loss, points)).encode())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digest").write_text(digest.hexdigest(), encoding="ascii")
