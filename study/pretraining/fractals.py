"""Draws labelled images of fractals, so that pre-training needs no image data set.

A category is an iterated function system (IFS): two to four affine maps of the plane. An instance of a
category is the same system with jittered parameters, so that a network must learn the shape of a fractal
and not a single image of it (Kataoka et al., IJCV 2022). Systems are drawn by the sigma-factor rule
(Anderson & Farrell, WACV 2022, section 3.2), whose attractors fill the image well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MIN_MAPS, MAX_MAPS = 2, 4
JITTER = 0.15
LARGEST_SINGULAR_VALUE = 0.97
"""Upper bound on the singular values of instances: jitter could otherwise make a map expand."""
CHAINS = 64
"""Points per fractal that move in parallel; a single point would need 1,000 tiny tensor operations."""
BURN_IN = 8
"""Steps before positions are recorded. Eight are enough: points start on the attractor, at the fixed point
of a map, and only have to spread."""
POINTS_PER_PIXEL = 1.0
CHUNK = 2048
MIN_FILLED, MAX_FILLED = 0.10, 0.85
"""Accepted shares of pixels hit. Fewer make a few dots or a line, more make a featureless block."""
MIN_ASPECT = 0.25
ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class IteratedFunctionSystems:
    """A batch of B systems with up to 4 maps x → R(theta)·diag(singular)·R(phi)·diag(sign)·x + translation.

    Attributes:
        theta: float32 [B, 4], radians.
        phi: float32 [B, 4], radians.
        singular: float32 [B, 4, 2], singular values in [0, 1] in descending order.
        sign: float32 [B, 4, 2], −1 or 1.
        translation: float32 [B, 4, 2].
        used: bool [B, 4], whether the map exists.
    """

    theta: Tensor
    phi: Tensor
    singular: Tensor
    sign: Tensor
    translation: Tensor
    used: Tensor

    def __len__(self) -> int:
        return len(self.theta)

    def take(self, index: Tensor) -> IteratedFunctionSystems:
        """Returns the systems at `index`, int64 [M] or bool [B]."""
        return IteratedFunctionSystems(**{name: tensor[index] for name, tensor in vars(self).items()})

    def matrices(self) -> Tensor:
        """Returns the linear parts of the maps, float32 [B, 4, 2, 2]."""
        right = _rotation(self.phi) * self.sign.unsqueeze(-2)
        return _rotation(self.theta) @ (self.singular.unsqueeze(-1) * right)

    def probabilities(self) -> Tensor:
        """Returns the probability of each map in the chaos game, float32 [B, 4].

        It is proportional to |det A|, of which values below 1e-3 count as 1e-3.
        """
        weight = self.singular.prod(-1).clamp_min(1e-3) * self.used
        return weight / weight.sum(-1, keepdim=True)

    def jittered(self, strength: float, generator: torch.Generator) -> IteratedFunctionSystems:
        """Returns instances of the systems, with random changes of all parameters but the signs.

        Args:
            strength: greatest change: in radians for angles, relative for singular values, absolute for
                translations.
            generator: on the CPU.
        """

        def noise(like: Tensor) -> Tensor:
            return (torch.rand(like.shape, generator=generator) * 2 - 1) * strength

        singular = self.singular * (1 + noise(self.singular))
        return IteratedFunctionSystems(
            theta=self.theta + noise(self.theta),
            phi=self.phi + noise(self.phi),
            singular=singular.sort(-1, descending=True).values.clamp(max=LARGEST_SINGULAR_VALUE),
            sign=self.sign,
            translation=self.translation + noise(self.translation),
            used=self.used,
        )


def sample_systems(count: int, generator: torch.Generator) -> IteratedFunctionSystems:
    """Draws `count` random systems by the sigma-factor rule.

    The sum of s1 + 2·s2 over the N maps of a system lies in [(5 + N)/2, (6 + N)/2], and all singular values
    lie in [0, 1] (Anderson & Farrell 2022, section 3.2 and algorithm 1).
    """
    maps = torch.randint(MIN_MAPS, MAX_MAPS + 1, (count,), generator=generator)
    uniform = torch.rand(count, MAX_MAPS, 4, generator=generator)
    order = torch.arange(MAX_MAPS)
    return IteratedFunctionSystems(
        theta=(uniform[..., 0] * 2 - 1) * torch.pi,
        phi=(uniform[..., 1] * 2 - 1) * torch.pi,
        singular=_singular_values(maps, generator),
        sign=torch.randint(0, 2, (count, MAX_MAPS, 2), generator=generator) * 2.0 - 1.0,
        translation=uniform[..., 2:] * 2 - 1,
        used=order < maps.unsqueeze(1),
    )


def sample_categories(
    count: int, size: int, generator: torch.Generator, check: Callable[[], None] = lambda: None
) -> IteratedFunctionSystems:
    """Draws systems whose images are not degenerate.

    Args:
        count: number of systems.
        size: side of the images in pixels.
        generator: on the CPU.
        check: is called before each attempt; an exception that it raises ends the drawing.
    """
    kept: list[IteratedFunctionSystems] = []
    found = 0
    while found < count:
        check()
        systems = sample_systems(max(64, 2 * (count - found)), generator)
        _, sound = _draw(systems, size, generator)
        kept.append(systems.take(sound))
        found += int(sound.sum())
    joined = {name: torch.cat([getattr(part, name) for part in kept])[:count] for name in vars(kept[0])}
    return IteratedFunctionSystems(**joined)


def render_instances(
    systems: IteratedFunctionSystems,
    labels: Tensor,
    size: int,
    generator: torch.Generator,
    check: Callable[[], None] = lambda: None,
) -> Tensor:
    """Draws a new jittered image for each label.

    A degenerate image is drawn again with another jitter. After `ATTEMPTS` attempts it is drawn without
    jitter, because `sample_categories` has checked the category itself.

    Args:
        systems: the categories.
        labels: int64 [N], indices of categories.
        size: side of the images in pixels.
        generator: on the CPU.
        check: is called before every CHUNK images; an exception that it raises ends the drawing.

    Returns:
        uint8 [N, size, size].
    """
    images = torch.empty(len(labels), size, size, dtype=torch.uint8)
    for start in range(0, len(labels), CHUNK):
        check()
        chunk = systems.take(labels[start : start + CHUNK])
        target = images[start : start + CHUNK]
        missing = torch.arange(len(chunk))
        for attempt in range(ATTEMPTS + 1):
            strength = JITTER if attempt < ATTEMPTS else 0.0
            drawn, sound = _draw(chunk.take(missing).jittered(strength, generator), size, generator)
            accepted = sound if attempt < ATTEMPTS else torch.ones_like(sound)
            target[missing[accepted]] = drawn[accepted]
            missing = missing[~accepted]
            if len(missing) == 0:
                break
    return images


def generate(
    categories: int, instances: int, size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws a labelled set of fractal images, which depends only on the arguments.

    Args:
        categories: number of classes, at least 1.
        instances: images per class, at least 1.
        size: side of the images in pixels.
        generator: on the CPU; its state determines the result.

    Returns:
        Images, uint8 [categories·instances, size, size] from 0 (empty) to 255 (densest), and labels, int64
        [categories·instances], sorted by category.
    """
    systems = sample_categories(categories, size, generator)
    labels = torch.arange(categories).repeat_interleave(instances)
    return render_instances(systems, labels, size, generator), labels


def _rotation(angle: Tensor) -> Tensor:
    """Returns the rotation matrices [..., 2, 2] of angles [...] in radians."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, -sin, sin, cos], dim=-1).view(*angle.shape, 2, 2)


def _singular_values(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Applies algorithm 1 of Anderson & Farrell 2022 to a batch; returns float32 [B, 4, 2].

    Args:
        maps: int64 [B], number of maps of each system.
        generator: on the CPU.
    """
    count = len(maps)
    uniform = torch.rand(count, MAX_MAPS, 2, generator=generator)
    total = (5.0 + maps + torch.rand(count, generator=generator)) / 2
    result = torch.zeros(count, MAX_MAPS, 2)
    zero = torch.zeros(count)
    one = torch.ones(count)
    for k in range(MAX_MAPS):
        left = (maps - 1 - k).float()  # number of maps that follow; each adds at most 3 to the sum
        last = left == 0
        need = total - 3 * left
        low = torch.where(last, total / 3, torch.maximum(zero, need / 3))
        high = torch.minimum(one, total)
        first = low + uniform[:, k, 0] * (high - low)
        low = torch.maximum(zero, (need - first) / 2)
        high = torch.minimum(first, (total - first) / 2)
        second = torch.where(last, (total - first) / 2, low + uniform[:, k, 1] * (high - low))
        exists = left >= 0
        result[:, k, 0] = torch.where(exists, first, zero)
        result[:, k, 1] = torch.where(exists, second, zero)
        total = total - result[:, k, 0] - 2 * result[:, k, 1]
    return result


def _draw(systems: IteratedFunctionSystems, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Plays the chaos game for all systems at once.

    Returns:
        Images, uint8 [B, size, size], and whether each is not degenerate, bool [B].
    """
    count = len(systems)
    steps = max(4, round(POINTS_PER_PIXEL * size * size / CHAINS))
    matrix, shift = systems.matrices(), systems.translation
    maps = torch.cat([matrix.flatten(2), shift], dim=-1).reshape(count * MAX_MAPS, 6)
    edges = systems.probabilities().cumsum(-1)[:, : MAX_MAPS - 1]
    base = (torch.arange(count) * MAX_MAPS).unsqueeze(1)
    start = torch.linalg.solve(torch.eye(2) - matrix[:, 0], shift[:, 0])
    x, y = (start[:, axis : axis + 1].expand(count, CHAINS) for axis in (0, 1))
    horizontal = torch.empty(steps, count, CHAINS)
    vertical = torch.empty(steps, count, CHAINS)
    for step in range(-BURN_IN, steps):
        u = torch.rand(count, CHAINS, generator=generator)
        choice = base.expand(count, CHAINS).clone()
        for edge in edges.unbind(1):
            choice += u > edge.unsqueeze(1)
        a, b, c, d, e, f = maps.index_select(0, choice.flatten()).unbind(1)
        shape = (count, CHAINS)
        x, y = (
            a.view(shape) * x + b.view(shape) * y + e.view(shape),
            c.view(shape) * x + d.view(shape) * y + f.view(shape),
        )
        if step >= 0:
            horizontal[step], vertical[step] = x, y
    cell, aspect = _pixels(horizontal, vertical, size)
    cell += (torch.arange(count, dtype=torch.int32) * size * size).unsqueeze(1)
    density = torch.bincount(cell.flatten(), minlength=count * size * size)
    density = density.view(count, size * size)
    filled = (density > 0).float().mean(1)
    sound = (filled > MIN_FILLED) & (filled < MAX_FILLED) & (aspect > MIN_ASPECT)
    brightness = density.float().log1p()
    brightness = brightness / brightness.amax(1, keepdim=True) * 255
    return brightness.round().to(torch.uint8).view(count, size, size), sound


def _pixels(horizontal: Tensor, vertical: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Maps points to pixels such that the bounding box of each fractal fills the image.

    Args:
        horizontal: float32 [steps, B, CHAINS].
        vertical: float32 [steps, B, CHAINS].
        size: side of the image in pixels.

    Returns:
        Pixel indices, int32 [B, steps·CHAINS], and the shorter side of each bounding box divided by the
        longer one, float32 [B].
    """
    spans, cells = [], []
    for points in (horizontal, vertical):
        low, high = points.amin((0, 2)), points.amax((0, 2))
        span = (high - low).clamp_min(1e-6)
        scaled = (points - low.unsqueeze(1)) * (size * (1 - 1e-5) / span).unsqueeze(1)
        cells.append(scaled.to(torch.int32).clamp_(0, size - 1))
        spans.append(span)
    cell = (cells[1] * size + cells[0]).transpose(0, 1).flatten(1)
    width, height = spans
    return cell, torch.minimum(width, height) / torch.maximum(width, height)
