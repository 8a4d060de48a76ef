"""What the end of a study leaves of explanations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from finished import record_of

from study.data import to_input
from study.explain.fresh import fresh_network
from study.orchestration.keeping import Keeper
from study.records import RunRecord
from study.spec import Init, Scope
from study.training.run import Outcome, Workshop


@pytest.fixture
def keeper(shop: Workshop, tmp_path: Path) -> tuple[Keeper, tuple[RunRecord, ...]]:
    """A study that has finished two of the three networks, kept as a worker keeps them."""
    keeper = Keeper(folder=tmp_path, shop=shop)
    finals: tuple[RunRecord, ...] = ()
    for init, scope in ((Init.PRETRAINED, Scope.FROZEN), (Init.SCRATCH, Scope.FULL)):
        record = record_of(init, scope)
        network = fresh_network(record, shop).eval()
        if scope is Scope.FROZEN:
            network.freeze()
        with torch.inference_mode():
            shares = network(to_input(shop.fashion.test_images, 32)).softmax(1).numpy()
        keeper.keep(Outcome(record=record, test_probabilities=shares, network=network), finals)
        finals += (record,)
    return keeper, finals


def test_maps_are_made_or_their_absence_is_noted(
    keeper: tuple[Keeper, tuple[RunRecord, ...]],
) -> None:
    keeps, finals = keeper
    folder = keeps.folder / "artifacts"
    files = (folder / "gradcam-googlenet.npz", folder / "featuremap-googlenet.npz")
    events = keeps.write_pictures(0, finals, lambda: True)
    assert not any(path.exists() for path in files)
    assert events == (("explanation_missing", "stopped by the deadline", "googlenet"),)
    assert keeps.write_pictures(0, finals, lambda: False) == ()
    assert all(path.is_file() for path in files)
    assert (folder / "object.npz").is_file() and (folder / "errors.npz").is_file()
