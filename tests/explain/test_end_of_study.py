"""What the end of a study leaves of explanations, with a real ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from finished import record_of

from study.data import to_input
from study.explain.fresh import fresh_network
from study.orchestration.keeping import Keeper
from study.spec import Init, Scope
from study.store.ledger import Ledger
from study.training.run import Outcome, Workshop


@pytest.fixture
def keeper(shop: Workshop, tmp_path: Path) -> Keeper:
    """A study that has finished two of the three networks, kept as the runner keeps them."""
    keeper = Keeper(folder=tmp_path, ledger=Ledger(tmp_path / "l.sqlite"), shop=shop)
    for init, scope in ((Init.PRETRAINED, Scope.FROZEN), (Init.SCRATCH, Scope.FULL)):
        record = record_of(init, scope)
        network = fresh_network(record, shop).eval()
        if scope is Scope.FROZEN:
            network.freeze()
        with torch.inference_mode():
            shares = network(to_input(shop.fashion.test_images, 32)).softmax(1).numpy()
        keeper.keep(Outcome(record=record, test_probabilities=shares, network=network))
        keeper.ledger.commit(record)
    return keeper


def test_maps_are_made_or_their_absence_is_noted(keeper: Keeper) -> None:
    folder = keeper.folder / "artifacts"
    files = (folder / "gradcam-googlenet.npz", folder / "featuremap-googlenet.npz")
    keeper.write_explanations(0, lambda: True)
    assert not any(path.exists() for path in files)
    told = [(event["kind"], event["model"]) for event in keeper.ledger.events()]
    assert told == [("explanation_missing", "googlenet")]
    keeper.write_explanations(0, lambda: False)
    assert all(path.is_file() for path in files)
