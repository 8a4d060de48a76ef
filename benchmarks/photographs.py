"""Makes image files of test objects as people might have photographed, cut out or saved them.

An object of FashionMNIST is light on black. It is enlarged eightfold and pasted before a background, as it
is or negated. Each way is a `Condition`; the last one shows no object of the data set at all.
"""

from __future__ import annotations

import colorsys
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

ENLARGED = 224
#: Shades up to this one lie outside of an object.
OUTSIDE = 12
_ORIENTATION = 0x0112

Reals = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Take = Callable[[Bytes, np.random.Generator], bytes]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A way to take a picture of an object.

    Attributes:
        name: for tables.
        take: makes an image file of an object, uint8 [28, 28], light on black.
        clean: whether the background is even and black, white or transparent.
        shows: whether the picture shows the object.
    """

    name: str
    take: Take
    clean: bool = True
    shows: bool = True


def conditions() -> list[Condition]:
    """Returns the conditions in the order of the table."""
    return [
        Condition(name="plain, 28×28", take=lambda grey, rng: _png(grey)),
        Condition(name="transparent cut-out", take=_cut_out),
        Condition(name="dark on white", take=lambda grey, rng: _png(_pasted(1 - _large(grey), grey, 1.0))),
        Condition(name="margin of 30 %", take=_margin),
        Condition(name="400×300 pixels", take=_wide),
        Condition(name="turned by EXIF", take=_turned),
        Condition(name="JPEG of quality 40", take=_poor_jpeg),
        Condition(name="light garment, grey wall", take=_light_on_wall, clean=False),
        Condition(name="any garment, grey wall", take=_any_on_wall, clean=False),
        Condition(name="dark garment, light wood", take=_on_wood, clean=False),
        Condition(name="coloured background", take=_on_colour, clean=False),
        Condition(name="blank, noise, other pictures", take=_unlike, clean=False, shows=False),
    ]


def _png(values: Bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return stream.getvalue()


def _jpeg(picture: Image.Image, quality: int, orientation: int = 1) -> bytes:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    picture.save(stream, "JPEG", quality=quality, exif=exif)
    return stream.getvalue()


def _large(grey: Bytes) -> Reals:
    """Returns the shades of the enlarged object in [0, 1]."""
    picture = Image.fromarray(grey).resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float64) / 255


def _cover(grey: Bytes) -> Reals:
    """Returns to what degree the enlarged object covers each pixel, in [0, 1]."""
    return _large(np.where(grey > OUTSIDE, 255, 0).astype(np.uint8))


def _bytes(shades: Reals) -> Bytes:
    return (255 * np.clip(shades, 0, 1)).round().astype(np.uint8)


def _pasted(
    shades: Reals, grey: Bytes, background: Reals | float, size: tuple[int, int] = (ENLARGED, ENLARGED)
) -> Bytes:
    """Pastes an object into the middle of a picture.

    Args:
        shades: of the enlarged object [224, 224], or its colours [224, 224, 3].
        grey: the object, uint8 [28, 28].
        background: shades or colours of the whole picture, or one shade.
        size: height and width of the picture.
    """
    whole = np.broadcast_to(np.asarray(background, dtype=np.float64), (*size, *shades.shape[2:])).copy()
    cover = _cover(grey).reshape(ENLARGED, ENLARGED, *(1,) * (shades.ndim - 2))
    top, left = (size[0] - ENLARGED) // 2, (size[1] - ENLARGED) // 2
    place = whole[top : top + ENLARGED, left : left + ENLARGED]
    place[:] = cover * shades + (1 - cover) * place
    return _bytes(whole)


def _cut_out(grey: Bytes, rng: np.random.Generator) -> bytes:
    """Makes a transparent file; half of the objects are negated, and what is transparent has any shade."""
    shades = _large(grey) if rng.random() < 0.5 else 1 - _large(grey)
    cover = _cover(grey)
    hidden = rng.choice([0.0, 1.0])
    visible = _bytes(np.where(cover > 0, shades, hidden))
    return _png(np.dstack([visible, visible, visible, _bytes(cover)]))


def _wide(grey: Bytes, rng: np.random.Generator) -> bytes:
    return _png(_pasted(_large(grey), grey, 0.0, (300, 400)))


def _margin(grey: Bytes, rng: np.random.Generator) -> bytes:
    side = round(ENLARGED / 0.4)
    return _png(_pasted(_large(grey), grey, 0.0, (side, side)))


def _turned(grey: Bytes, rng: np.random.Generator) -> bytes:
    """Makes a file of a camera that was held sideways: its pixels lie, and EXIF tells how to turn them."""
    upright = Image.fromarray(_pasted(1 - _large(grey), grey, 1.0, (300, 260)))
    return _jpeg(upright.transpose(Image.Transpose.ROTATE_90), 90, orientation=6)


def _poor_jpeg(grey: Bytes, rng: np.random.Generator) -> bytes:
    return _jpeg(Image.fromarray(_pasted(1 - _large(grey), grey, 1.0, (280, 280))), 40)


def _wall(rng: np.random.Generator, size: int, shade: float) -> Reals:
    """Returns a grey wall in a light that falls from one side, with the noise of a camera."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = 0.06 * (x * np.cos(angle) + y * np.sin(angle))
    wall: Reals = shade + slope + rng.normal(0, 0.012, (size, size))
    return wall


def _light_on_wall(grey: Bytes, rng: np.random.Generator) -> bytes:
    shades = 0.58 + 0.4 * _large(grey)
    return _jpeg(Image.fromarray(_pasted(shades, grey, _wall(rng, 320, 0.42), (320, 320))), 85)


def _any_on_wall(grey: Bytes, rng: np.random.Generator) -> bytes:
    return _jpeg(Image.fromarray(_pasted(_large(grey), grey, _wall(rng, 320, 0.5), (320, 320))), 85)


def _on_wood(grey: Bytes, rng: np.random.Generator) -> bytes:
    """Makes a picture of a dark garment on boards: wavy grain, streaks, and joints between the boards."""
    y, x = np.mgrid[0:320, 0:320] / 320
    grain = 0.05 * np.sin(2 * np.pi * (22 * x + 0.8 * np.sin(2 * np.pi * (y + rng.random()))))
    streaks = np.repeat(rng.normal(0, 0.025, (1, 320)), 320, axis=0) + rng.normal(0, 0.01, (320, 320))
    joints = -0.15 * (np.abs((x * 3 + rng.random()) % 1) < 0.012)
    wood = np.array([0.82, 0.68, 0.50]) * (1 + grain + streaks + joints)[:, :, None]
    garment = (0.05 + 0.45 * (1 - _large(grey)))[:, :, None] * np.array([1.0, 0.97, 0.95])
    return _jpeg(Image.fromarray(_pasted(garment, grey, wood, (320, 320))), 85)


def _on_colour(grey: Bytes, rng: np.random.Generator) -> bytes:
    """Makes a picture before a wall of any hue; half of the garments are dark on it as photographed."""
    wall = np.array(colorsys.hsv_to_rgb(rng.random(), 0.6, rng.uniform(0.4, 0.9)))
    shades = _large(grey) if rng.random() < 0.5 else 1 - _large(grey)
    garment = np.repeat(shades[:, :, None], 3, axis=2)
    return _jpeg(Image.fromarray(_pasted(garment, grey, wall, (300, 300))), 85)


def _unlike(grey: Bytes, rng: np.random.Generator) -> bytes:
    """Makes a picture without a garment: blank, noise, a part of a photograph, or a written digit."""
    kind = rng.integers(4)
    if kind == 0:
        return _jpeg(Image.new("RGB", (320, 240), tuple(int(v) for v in rng.integers(256, size=3))), 85)
    if kind == 1:
        return _png(rng.integers(256, size=(240, 240, 3), dtype=np.uint8))
    if kind == 2:
        photo = load_sample_images().images[rng.integers(2)]
        top, left = rng.integers(photo.shape[0] - 200), rng.integers(photo.shape[1] - 200)
        return _jpeg(Image.fromarray(photo[top : top + 200, left : left + 200]), 85)
    digit = Image.fromarray(_bytes(load_digits().images[rng.integers(1_700)] / 16))
    return _png(np.asarray(digit.resize((160, 160), Image.Resampling.BICUBIC)))
