"""Damages a small file of weights by `save_checkpoint`, with its hash beside it and without."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st

from benchmarks.hostile.mutation import damaged, misshapen
from benchmarks.hostile.target import Target
from study.errors import WeightsError
from study.models import load_checkpoint, save_checkpoint
from study.networks import VGG11
from study.pretraining.weight_sources import checkpoint

META: dict[str, Any] = {
    "source": "fractal",
    "covers": "trunk",
    "recipe": {"categories": 4, "size": 32, "samples": 8},
    "images": 8,
    "seconds": 1.5,
    "accuracy": 0.9,
    "curve": [{"samples": 8, "seconds": 1.0, "loss": 0.5, "accuracy": 0.9}],
}


def target(folder: Path) -> Target:
    path, beside = folder / "w.pth", folder / "w.sha256"
    state = {"features.0.weight": torch.ones(2, 1, 3, 3), "features.0.bias": torch.zeros(2)}
    save_checkpoint(path, state, META)
    good, digest = path.read_bytes(), beside.read_bytes()

    def attempt(case: tuple[str, Any]) -> None:
        kind, value = case
        if kind == "meta":
            packed = io.BytesIO()
            try:
                torch.save({"state": state, "meta": value}, packed)
            except Exception:  # torch itself cannot write it (half a character, for example)
                return
            value = packed.getvalue()
        path.write_bytes(value)
        if kind == "signed":
            beside.write_bytes(digest)
        else:
            beside.unlink(missing_ok=True)
        weights, _ = load_checkpoint(path)
        assert kind != "signed" or value == good, "an altered file got past its hash"
        assert all(tensor.isfinite().all() for tensor in weights.state.values())
        if checkpoint(VGG11, path) is None:
            raise WeightsError("of another network")

    bad = damaged(st.just(good))
    return Target(
        name="weights (PyTorch)",
        cases=st.tuples(st.just("signed"), bad)
        | st.tuples(st.just("bare"), bad | st.binary(max_size=100))
        | st.tuples(st.just("meta"), misshapen(META)),
        attempt=attempt,
    )
