"""Draws labelled pictures from formulas, because pre-training needs images and none may be to hand.

A category is an iterated function system (IFS): two to four affine maps of the plane. An instance
is the same system with its parameters jittered, so that a network has to learn the shape of a
fractal and not one picture of it (Kataoka et al., IJCV 2022). Systems are drawn by the
sigma-factor rule (Anderson & Farrell, WACV 2022, section 3.2), which gives well filled attractors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MIN_MAPS, MAX_MAPS = 2, 4
JITTER = 0.15
LARGEST_SINGULAR_VALUE = 0.97
"""Jitter could push a map over 1; every map drawn stays a contraction by this margin."""
CHAINS = 64
"""Walkers per fractal. One walker of 1,000 steps would be 1,000 tiny tensor operations."""
BURN_IN = 8
"""Enough: walkers start on the attractor (at a map's fixed point) and only have to spread."""
POINTS_PER_PIXEL = 1.0
CHUNK = 2048
MIN_FILLED, MAX_FILLED = 0.10, 0.85
"""Share of pixels hit. Below: a few dots or a line. Above: a featureless block."""
MIN_ASPECT = 0.25
ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class IteratedFunctionSystems:
    """A batch of B systems x → R(theta)·diag(s)·R(phi)·diag(sign)·x + t, each of up to 4 maps.

    theta, phi [B, 4] radians; singular [B, 4, 2] sorted descending, in [0, 1]; sign [B, 4, 2];
    translation [B, 4, 2]; used [B, 4] bool: the maps that exist.
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
        """The systems at `index` (int64 [M] or bool [B])."""
        return IteratedFunctionSystems(
            **{name: tensor[index] for name, tensor in vars(self).items()}
        )

    def matrices(self) -> Tensor:
        """The linear parts, float32 [B, 4, 2, 2]."""
        right = _rotation(self.phi) * self.sign.unsqueeze(-2)
        return _rotation(self.theta) @ (self.singular.unsqueeze(-1) * right)

    def probabilities(self) -> Tensor:
        """Chance of each map in the chaos game, proportional to |det A|; float32 [B, 4]."""
        weight = self.singular.prod(-1).clamp_min(1e-3) * self.used
        return weight / weight.sum(-1, keepdim=True)

    def jittered(self, strength: float, generator: torch.Generator) -> IteratedFunctionSystems:
        """Instances: every parameter moved by up to ±strength (angles: of a radian)."""

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
    """Draw `count` random systems by the sigma-factor rule.

    The sum over maps of s1 + 2·s2 lies in [(5 + N)/2, (6 + N)/2], N being the number of maps
    (Anderson & Farrell 2022, section 3.2 and algorithm 1); every s is in [0, 1].
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
    """Draw `count` systems whose pictures at `size` × `size` pixels are not degenerate."""
    kept: list[IteratedFunctionSystems] = []
    found = 0
    while found < count:
        check()
        systems = sample_systems(max(64, 2 * (count - found)), generator)
        _, sound = _draw(systems, size, generator)
        kept.append(systems.take(sound))
        found += int(sound.sum())
    joined = {
        name: torch.cat([getattr(part, name) for part in kept])[:count] for name in vars(kept[0])
    }
    return IteratedFunctionSystems(**joined)


def render_instances(
    systems: IteratedFunctionSystems, labels: Tensor, size: int, generator: torch.Generator,
    check: Callable[[], None] = lambda: None,
) -> Tensor:  # fmt: skip
    """One fresh jittered picture for each label; uint8 [len(labels), size, size].

    A jitter that makes a picture degenerate is drawn again; after `ATTEMPTS` the picture is drawn
    from the category itself, which is known to be sound.
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
    """A labelled set of fractal pictures, a pure function of its arguments.

    Args:
        categories: number of classes, at least 1.
        instances: pictures per class, at least 1.
        size: side in pixels.
        generator: CPU generator; its state decides everything.

    Returns:
        images uint8 [categories·instances, size, size] (0 = empty, 255 = densest) and labels
        int64 [categories·instances], category by category.
    """
    systems = sample_categories(categories, size, generator)
    labels = torch.arange(categories).repeat_interleave(instances)
    return render_instances(systems, labels, size, generator), labels


def _rotation(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, -sin, sin, cos], dim=-1).view(*angle.shape, 2, 2)


def _singular_values(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Algorithm 1 of Anderson & Farrell 2022 for a whole batch; float32 [B, 4, 2]."""
    count = len(maps)
    uniform = torch.rand(count, MAX_MAPS, 2, generator=generator)
    total = (5.0 + maps + torch.rand(count, generator=generator)) / 2
    result = torch.zeros(count, MAX_MAPS, 2)
    zero = torch.zeros(count)
    one = torch.ones(count)
    for k in range(MAX_MAPS):
        left = (maps - 1 - k).float()  # maps still to come; each can take at most 3
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


def _draw(
    systems: IteratedFunctionSystems, size: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Chaos game for every system at once: pictures uint8 [B, size, size] and whether sound [B]."""
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
    """Pixel of each point with the bounding box fitted to the picture, and the box's aspect."""
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
