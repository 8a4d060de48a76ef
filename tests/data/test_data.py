"""FashionMNIST is found, checked, split and augmented; damaged files are refused."""

from __future__ import annotations

import gzip
import io
import itertools
import struct
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from study.data import augment, balanced_order, load, split, to_input
from study.data.idx import read_idx
from study.datasets import FASHION_MNIST
from study.errors import DataError


@pytest.fixture(scope="module")
def fashion():
    return load(FASHION_MNIST, offline=True)


def test_the_real_set_is_recognised(fashion) -> None:
    assert fashion.sha256 == FASHION_MNIST.sha256
    assert fashion.train_images.shape == (60_000, 28, 28)
    assert torch.bincount(fashion.test_labels).tolist() == [1_000] * 10


def test_split_is_stratified_and_every_prefix_balanced(fashion) -> None:
    parts = split(fashion.train_labels, seed=1, validation=6_000)
    assert len(parts.train) == 54_000 and len(parts.validation) == 6_000
    assert len(set(parts.train.tolist()) | set(parts.validation.tolist())) == 60_000
    for prefix in (parts.train[:505], parts.validation[:1_000], parts.train):
        counts = torch.bincount(fashion.train_labels[prefix], minlength=10)
        assert int(counts.max() - counts.min()) <= 1
    assert torch.equal(parts.train, split(fashion.train_labels, seed=1, validation=6_000).train)
    assert not torch.equal(parts.train, split(fashion.train_labels, seed=2, validation=6_000).train)


def test_every_run_seed_has_a_split_of_its_own(fashion) -> None:
    """Balanced and disjoint whatever the seed; the runs of one seed have the same one."""
    splits = [split(fashion.train_labels, seed=seed, validation=6_000) for seed in (1, 2, 100_001)]
    for parts in splits:
        assert not set(parts.train.tolist()) & set(parts.validation.tolist())
        assert torch.bincount(fashion.train_labels[parts.validation]).tolist() == [600] * 10
        assert torch.bincount(fashion.train_labels[parts.train]).tolist() == [5_400] * 10
    held = [set(parts.validation.tolist()) for parts in splits]
    # A tenth of the images is held out by each: two seeds share about a tenth of that.
    assert all(400 < len(one & other) < 800 for one, other in itertools.combinations(held, 2))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300), st.integers(0, 2**40))
def test_every_prefix_of_the_test_order_keeps_the_shares_of_the_classes(
    labels: list[int], seed: int
) -> None:
    """One share t explains a prefix: it has n·t images, to half an image, of every class of n images."""
    order = balanced_order(torch.tensor(labels), seed=seed).tolist()
    assert sorted(order) == list(range(len(labels)))
    whole = Counter(labels)
    seen: Counter[int] = Counter()
    for index in order:
        seen[labels[index]] += 1
        least = max(Fraction(2 * seen[label] - 1, 2 * count) for label, count in whole.items())
        most = min(Fraction(2 * seen[label] + 1, 2 * count) for label, count in whole.items())
        assert least <= most


def test_a_split_leaves_a_rare_class_in_both_parts() -> None:
    labels = torch.tensor([0] * 900 + [1] * 80 + [2] * 20)
    parts = split(labels, seed=4, validation=100)
    assert torch.bincount(labels[parts.validation]).tolist() == [90, 8, 2]
    assert torch.bincount(labels[parts.train]).tolist() == [810, 72, 18]


def test_the_test_order_is_fixed_by_the_study_and_its_prefixes_are_nested(fashion) -> None:
    one, again, other = (balanced_order(fashion.test_labels, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    for size in (500, 1_000, 2_000, 5_000, 10_000):
        assert torch.bincount(fashion.test_labels[one[:size]]).tolist() == [size // 10] * 10


def test_input_is_padded_with_black(fashion) -> None:
    x = to_input(fashion.test_images[:3], 32)
    assert x.shape == (3, 1, 32, 32)
    assert float(x[:, :, :2].max()) == -1.0
    assert torch.allclose(x[:, 0, 2:30, 2:30], fashion.test_images[:3].float() / 127.5 - 1)
    assert to_input(fashion.test_images[:3], 64).shape == (3, 1, 64, 64)


def test_augmentation_is_identity_when_everything_is_off(fashion) -> None:
    x = to_input(fashion.train_images[:64], 32)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(augment(x, generator, flip=0, shift=0, erase=0), x)
    assert torch.equal(augment(x, generator, flip=1, shift=0, erase=0), x.flip(3))
    one = augment(x, torch.Generator().manual_seed(1))
    assert torch.equal(one, augment(x, torch.Generator().manual_seed(1)))
    assert not torch.equal(one, augment(x, torch.Generator().manual_seed(2)))


def _idx(*numbers: int, body: bytes = b"") -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers) + body


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated"),
        (_idx(2051, 5, 28, 28), "bytes, expected"),
        (_idx(1234, 5, 28, 28, body=bytes(5 * 784)), "not an idx file"),
        (_idx(2051, 2**31, 2**31, 28), "holds"),
        (_idx(2051, 5, 28, 28, body=bytes(5 * 784 + 9)), "bytes, expected"),
    ],
)
def test_hostile_idx_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_idx(io.BytesIO(content), "file", 5, 3, FASHION_MNIST)


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(_idx(2049, 5) + bytes(200_000_000), 1)
    with gzip.open(io.BytesIO(bomb)) as stream, pytest.raises(DataError, match="expected"):
        read_idx(stream, "bomb", 5, 1, FASHION_MNIST)


def test_a_flipped_bit_is_noticed(tmp_path) -> None:

    for path in Path(FASHION_MNIST.files.folder).glob("*.gz"):
        content = bytearray(gzip.decompress(path.read_bytes()))
        if path.name.startswith("t10k-images"):
            content[5_000] ^= 1
        (tmp_path / path.stem).write_bytes(content)
    with pytest.raises(DataError, match="not FashionMNIST as published"):
        load(FASHION_MNIST, tmp_path)


def test_a_missing_folder_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        load(FASHION_MNIST, tmp_path / "nowhere")
    with pytest.raises(DataError, match="no FashionMNIST files"):
        load(FASHION_MNIST, tmp_path)
