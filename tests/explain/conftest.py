"""A workshop over the sample of real images that ships, with a trunk to start from."""

from __future__ import annotations

import pytest
import torch

from study.data import FashionMNIST, Split
from study.data.places import Part
from study.models import Weights, build, trunk_state
from study.spec import ModelName, Precision
from study.training.run import Workshop
from study.training.runtime import Runtime


@pytest.fixture(scope="session")
def shop(sample: dict[str, Part]) -> Workshop:
    tensors = [
        torch.from_numpy(part.copy())
        for name in ("train", "t10k") for part in (sample[name].images, sample[name].labels)
    ]  # fmt: skip
    fashion = FashionMNIST(
        train_images=tensors[0], train_labels=tensors[1].long(),
        test_images=tensors[2], test_labels=tensors[3].long(), source="sample", sha256="",
    )  # fmt: skip
    trunk = build(ModelName.GOOGLENET, weights=None, resolution=32, fold=True, seed=70)
    weights = Weights(
        source="fractal", sha256="", state=trunk_state(trunk), channels=1, covers="trunk"
    )
    runtime = Runtime(device=torch.device("cpu"), precision=Precision.FP32,
                      threads=torch.get_num_threads(), device_name="")  # fmt: skip
    split = Split(train=torch.arange(150), validation=torch.arange(150, 200))
    return Workshop(
        fashion=fashion, split=split, runtime=runtime, weights={"googlenet": weights}
    )
