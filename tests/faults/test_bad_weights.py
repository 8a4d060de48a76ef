"""Weights that are hostile, broken or of another network: nothing runs, and it is said why."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from study.budget import Deadline
from study.cli import main
from study.data import LabelledImages
from study.errors import WeightsError
from study.models import load_checkpoint
from study.networks import NETWORKS, VGG11
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.context import StudyContext
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench
from study.orchestration.options import Options
from study.orchestration.phases.weights import WeightsPhase
from study.orchestration.plan_state import PlanState
from study.orchestration.run_specs import RunSpecs
from study.orchestration.scheduler import Scheduler
from study.orchestration.signals import CancelToken
from study.planning.cost import Speed
from study.records import Reason
from study.spec import StudySpec
from study.store.ledger import Ledger
from study.training.run import Workshop
from study.training.runtime import detect, one_thread

FIRST = {"features.0.weight": torch.zeros(64, 1, 3, 3)}


class Hostile:
    """Unpickled by ordinary means it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


def _zipped(pickled: bytes) -> bytes:
    """A file in torch's own format around any pickle."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in (("data.pkl", pickled), ("version", b"3\n"), ("byteorder", b"little")):
            archive.writestr(f"archive/{name}", content)
    return packed.getvalue()


@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_a_hostile_pickle_is_refused_and_does_not_run(form: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    pickled = pickle.dumps({"state": {**FIRST, "x": Hostile(mark)}, "meta": Hostile(mark)})
    assert pickle.loads(pickled) and mark.exists(), "the file does what it is for"
    mark.unlink()
    path = tmp_path / "w.pth"
    path.write_bytes(pickled if form == "pickle" else _zipped(pickled))
    with pytest.raises(WeightsError, match="is not a weights file"):
        load_checkpoint(path)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({**FIRST, "features.3.weight": torch.full((128, 64, 3, 3), torch.nan)}, "NaN"),
        ({"features.0.weight": torch.full((64, 1, 3, 3), torch.inf)}, "infinity"),
        ({"features.0.weight": torch.zeros(1).expand(64, 10**6, 3, 3)}, "fewer numbers"),
        ({**FIRST, "x": torch.zeros(2, dtype=torch.complex64)}, "ordinary numbers"),
        ({**FIRST, "x": torch.eye(2).to_sparse()}, "ordinary numbers"),
        ({**FIRST, "x": 1}, "not a tensor"),
        ({"x": torch.zeros(3)}, "no convolution"),
    ],
)
def test_what_is_no_state_of_a_network_is_refused(state: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(state, path)
    with pytest.raises(WeightsError, match=says):
        load_checkpoint(path)


VGG = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}


def _named(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in VGG.items()}


@pytest.mark.parametrize(
    ("content", "removed"),
    [
        (VGG, ()),
        (_named("module."), ("prefix 'module.'",)),
        (_named("_orig_mod."), ("prefix '_orig_mod.'",)),
        (
            {"state_dict": _named("model."), "epoch": 3, "hyper_parameters": {"lr": 0.1}},
            ("key 'state_dict'", "prefix 'model.'"),
        ),
        (
            {"model": _named("module._orig_mod."), "optimizer": {"x": torch.zeros(2)}},
            ("key 'model'", "prefix 'module.'", "prefix '_orig_mod.'"),
        ),
        ({"model_state_dict": VGG, "loss": 0.1}, ("key 'model_state_dict'",)),
        ({"state": VGG, "epoch": 1}, ("key 'state'",)),
    ],
)
def test_weights_as_training_programs_keep_them(
    content: dict[str, Any], removed: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "last.ckpt"
    torch.save(content, path)
    weights, meta = load_checkpoint(path)
    assert weights.state.keys() == VGG.keys() and weights.channels == 3
    assert (weights.unwrapped, meta, weights.source) == (removed, {}, "last.ckpt")


def test_of_two_networks_in_a_file_none_is_guessed(tmp_path: Path) -> None:
    torch.save({"model": VGG, "model_ema": VGG}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="several state dicts: model, model_ema; save one of them alone"):
        load_checkpoint(tmp_path / "w.pth")


def test_what_a_file_is_instead_of_weights_is_said(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(VGG, path)
    whole = path.read_bytes()
    torch.save(torch.nn.Conv2d(1, 1, 1), tmp_path / "model.pth")
    for content, says in (
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132\n", "pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html><title>Login</title></html>", "a web page"),
        (whole[: len(whole) // 2], "its end is missing"),
        ((tmp_path / "model.pth").read_bytes(), r"a whole object \(torch.nn.modules.conv.Conv2d\)"),
        (b"", "it is empty"),
        (b"garbage", "is not a weights file"),
    ):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=says):
            load_checkpoint(path)


def test_a_compressed_file_is_refused_unread(tmp_path: Path) -> None:
    """A hundred megabytes of zeros in a hundred kilobytes, otherwise as PyTorch writes them."""
    plain, path = tmp_path / "plain.pth", tmp_path / "w.pth"
    torch.save({**FIRST, "features.3.weight": torch.zeros(25_000_000)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in source.namelist():
            packed.writestr(name, source.read(name))
    with pytest.raises(WeightsError, match="is not a weights file"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"features.0.weight": torch.zeros(64, 1, 5, 5)}, "expected (64, 1, 3, 3)"),
        ({"conv1.conv.weight": torch.zeros(64, 1, 7, 7)}, "fits none of the networks studied"),
        ({"stem.weight": torch.zeros(8, 1, 3, 3)}, "fits none of the networks"),
        (None, "does not exist"),
    ],
)
def test_weights_asked_for_by_name_end_the_command_before_anything_begins(
    state: dict[str, Any] | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, results = tmp_path / "own.pth", tmp_path / "results"
    if state is not None:
        torch.save(state, path)
    code = main(
        [
            "--init-checkpoint",
            str(path),
            "--models",
            "vgg11",
            "--results-dir",
            str(results),
            "--report-dir",
            str(tmp_path / "o"),
            "--budget",
            "1m",
        ]
    )
    told = capsys.readouterr().err
    assert code == 2 and told.startswith("error: ") and told.count("\n") == 1 and says in told
    assert not results.exists()


@pytest.fixture
def altered(tmp_path: Path) -> Path:
    """A folder in TORCH_HOME's form with a hostile file under the name of VGG11's weights."""
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    pickled = pickle.dumps(Hostile(tmp_path / "mark"))
    (folder / NETWORKS[VGG11].weights_file).write_bytes(_zipped(pickled))
    return folder


def _phase(folder: Path, fashion: LabelledImages, **options: Any) -> WeightsPhase:
    """Of a study whose seconds are too few for fractals."""
    study, runtime = StudySpec(models=(VGG11,)), one_thread(detect("cpu", "fp32"))
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.set_fact("environment", {})
    deadline = Deadline(budget=2.5, started=0.0, clock=lambda: 0.0)
    clock = StudyClock(ledger=ledger, deadline=deadline, reserve=0, work=deadline)
    console = Console(deadline)
    executor = LocalExecutor(Bench(study=study, runtime=runtime, folder=folder))
    plan = PlanState(
        study=study, clock=clock, speeds={"vgg11": Speed(train=100.0, inference=300.0, build=0.1)}
    )
    context = StudyContext(
        study=study,
        options=Options(results_dir=folder, report_dir=folder, offline=True, **options),
        ledger=ledger,
        clock=clock,
        plan=plan,
        specs=RunSpecs(study=study, ledger=ledger),
        console=console,
        token=CancelToken(),
        runtime=runtime,
        champion_threads=1,
        executor=executor,
        shop=Workshop(images=fashion, runtime=runtime, weights={}, folder=folder),
    )
    scheduler = Scheduler(
        executor=executor, ledger=ledger, clock=clock, console=console, token=context.token
    )
    return WeightsPhase(context=context, scheduler=scheduler)


def test_altered_weights_found_by_chance_are_told_and_fractals_take_their_place(
    altered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fashion: LabelledImages
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    phase = _phase(tmp_path / "results", fashion)
    phase.run()
    phase.context.executor.close()
    specs = phase.context.specs
    assert phase.entries["vgg11"]["source"] == "fractal"
    assert not specs.weights and not (tmp_path / "mark").exists()
    assert len(specs.reasons) == 3
    assert set(specs.reasons.values()) == {Reason.PRETRAINING_TIME.value}
    told = next(e for e in phase.context.ledger.events() if e["kind"] == "weights_unreachable")
    assert "is altered" in told["detail"]


def test_altered_weights_in_a_named_folder_are_an_error(
    altered: Path, tmp_path: Path, fashion: LabelledImages
) -> None:
    phase = _phase(tmp_path / "results", fashion, weights_dir=altered)
    with pytest.raises(WeightsError, match="is altered"):
        phase.run()
    phase.context.executor.close()
    assert not (tmp_path / "mark").exists()
