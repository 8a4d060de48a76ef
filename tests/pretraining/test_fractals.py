"""The pictures have to be a pure function of the seed and worth looking at."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from study.pretraining.fractals import (
    LARGEST_SINGULAR_VALUE,
    MAX_FILLED,
    MIN_FILLED,
    generate,
    render_instances,
    sample_categories,
    sample_systems,
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_equal_seeds_give_equal_pictures_and_others_do_not() -> None:
    torch.manual_seed(1)
    images, labels = generate(5, 4, 32, seeded(7))
    torch.manual_seed(2)
    again, labels_again = generate(5, 4, 32, seeded(7))
    other, _ = generate(5, 4, 32, seeded(8))
    assert torch.equal(images, again)
    assert torch.equal(labels, labels_again)
    assert not torch.equal(images, other)


def test_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    generate(3, 2, 32, seeded(0))
    assert torch.equal(torch.rand(4), expected)


def test_shapes_and_labels() -> None:
    images, labels = generate(3, 4, 40, seeded(0))
    assert images.shape == (12, 40, 40)
    assert images.dtype == torch.uint8
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_sigma_factor_rule_holds_for_every_system(seed: int) -> None:
    systems = sample_systems(64, seeded(seed))
    maps = systems.used.sum(1)
    total = (systems.singular * torch.tensor([1.0, 2.0])).sum((1, 2))
    assert ((maps >= 2) & (maps <= 4)).all()
    assert (total >= (5 + maps) / 2 - 1e-4).all()
    assert (total <= (6 + maps) / 2 + 1e-4).all()
    assert (systems.singular[..., 0] >= systems.singular[..., 1] - 1e-5).all()
    assert (systems.singular >= -1e-6).all()
    assert (systems.singular <= 1 + 1e-5).all()
    assert (systems.singular[~systems.used] == 0).all()


def test_every_map_that_is_drawn_is_a_contraction() -> None:
    systems = sample_systems(500, seeded(1)).jittered(0.15, seeded(2))
    measured = torch.linalg.matrix_norm(systems.matrices(), ord=2)
    assert measured.max() <= LARGEST_SINGULAR_VALUE + 1e-5


def test_maps_that_do_not_exist_are_never_chosen() -> None:
    systems = sample_systems(200, seeded(3))
    probabilities = systems.probabilities()
    assert (probabilities[~systems.used] == 0).all()
    assert torch.allclose(probabilities.sum(1), torch.ones(200))


def test_pictures_fill_their_box_and_are_neither_empty_nor_blocks() -> None:
    images, _ = generate(24, 6, 32, seeded(4))
    filled = (images > 0).float().mean((1, 2))
    assert (filled > MIN_FILLED * 0.7).all()  # the fallback draws a category again, at random
    assert (filled < MAX_FILLED * 1.1).all()
    assert (images.amax((1, 2)) == 255).all()
    for border in (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]):
        assert (border.amax(1) > 0).all()


def test_instances_differ_but_stay_closer_to_their_own_category() -> None:
    systems = sample_categories(12, 32, seeded(5))
    labels = torch.arange(12).repeat_interleave(12)
    images = render_instances(systems, labels, 32, seeded(6)).flatten(1).float()
    assert len(torch.unique(images, dim=0)) == len(images)
    smooth = torch.nn.functional.avg_pool2d(images.view(-1, 1, 32, 32), 4).flatten(1)
    distance = torch.cdist(smooth, smooth)
    same = labels[:, None] == labels[None]
    own = distance[same & ~torch.eye(144, dtype=torch.bool)].mean()
    assert own < 0.9 * distance[~same].mean()
