"""A workshop over the sample of real images that ships, with a trunk to start from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from study.models import Weights, build, trunk_state
from study.networks import GOOGLENET
from study.training.run import Workshop


@pytest.fixture(scope="session")
def trunk() -> Weights:
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=70)
    return Weights(source="fractal", sha256="", state=trunk_state(network), channels=1, covers="trunk")


@pytest.fixture
def shop(small: Workshop, trunk: Weights) -> Workshop:
    return replace(small, weights={"googlenet": trunk})
