"""Networks kept for explanations come back as they were, at the size of what was trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from finished import record_of

from study.data import to_input
from study.errors import WeightsError
from study.explain.snapshots import keep_network, kept_networks
from study.explain.untrained import fresh_network
from study.spec import Init, Scope
from study.training.run import Workshop


def test_networks_come_back(shop: Workshop, tmp_path: Path) -> None:
    x = to_input(shop.images.test_images[:20], 32)
    records = [record_of(Init.PRETRAINED, Scope.FROZEN), record_of(Init.SCRATCH, Scope.FULL)]
    answers = []
    for record in records:
        network = fresh_network(record, shop)
        with torch.no_grad():
            network.head.weight.mul_(100)
            if record.spec.arm.scope is Scope.FROZEN:
                network.freeze()
            else:
                network.train()(x)  # moves BatchNorm's statistics
        keep_network(network, record, tmp_path)
        with torch.inference_mode():
            answers.append(network.eval()(x))
    frozen, full = (tmp_path / f"explained-{record.spec.arm.name}.pth" for record in records)
    assert frozen.stat().st_size < full.stat().st_size / 100
    kept = kept_networks(records, shop, tmp_path)
    assert [one.record for one in kept] == records[::-1]
    for one, expected in zip(kept, answers[::-1], strict=True):
        with torch.inference_mode():
            assert torch.equal(one.network(x), expected)
    frozen.write_bytes(frozen.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="explained-googlenet-pretrained-frozen"):
        kept_networks(records, shop, tmp_path)
