"""Split and augmentation: fair prefixes, bounded changes, one generator that decides all."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from study.data import Part, augment, split, to_input


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), prefix=st.integers(1, 900))
def test_every_prefix_is_balanced_for_every_seed(seed: int, prefix: int) -> None:
    labels = torch.arange(10).repeat(100)
    parts = split(labels, seed=seed, validation=100)
    assert sorted(torch.cat([parts.train, parts.validation]).tolist()) == list(range(1_000))
    for part in (parts.train[:prefix], parts.validation[:prefix]):
        counts = torch.bincount(labels[part], minlength=10)
        assert int(counts.max() - counts.min()) <= 1


@pytest.mark.parametrize("resolution", [32, 64])
def test_augmentation_stays_in_range_and_keeps_the_batch(sample: dict[str, Part], resolution: int) -> None:
    x = to_input(torch.from_numpy(sample["train"].images), resolution)
    kept = x.clone()
    changed = augment(x, torch.Generator().manual_seed(0))
    assert changed.shape == x.shape and changed.dtype == x.dtype
    assert torch.equal(x, kept)
    assert float(changed.min()) >= -1 and float(changed.max()) <= float(x.max())


def test_a_shift_moves_the_picture_by_at_most_its_share(sample: dict[str, Part]) -> None:
    x = torch.full((64, 1, 32, 32), -1.0)
    x[:, :, 16, 16] = 1
    moved = augment(x, torch.Generator().manual_seed(0), flip=0, erase=0)
    _, _, rows, columns = (moved == 1).nonzero().T
    offsets = torch.stack([rows, columns]) - 16
    assert offsets.shape[1] == 64
    assert set(offsets.unique().tolist()) == {-2, -1, 0, 1, 2}


def test_erasing_blackens_one_square_of_a_quarter(sample: dict[str, Part]) -> None:
    x = torch.ones(16, 1, 32, 32)
    erased = augment(x, torch.Generator().manual_seed(0), flip=0, shift=0, erase=1)
    assert ((erased == -1).flatten(1).sum(1) == 8 * 8).all()


def test_the_global_generator_is_left_alone(sample: dict[str, Part]) -> None:
    before = torch.get_rng_state()
    split(torch.arange(10).repeat(10), seed=3, validation=10)
    augment(torch.zeros(4, 1, 32, 32), torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
