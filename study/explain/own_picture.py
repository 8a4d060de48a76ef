"""Turns a person's own picture into one like those of the study's data set.

The images of FashionMNIST are light objects on black, square. They were made from photographs on an even
background: edges near the colour of the corners were trimmed, the longer side of the rest became that of
the square, the shorter one was extended, and the shades were negated (Xiao et al. 2017, section 2.1). The
same is done here with the object before a background.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw
from scipy import ndimage
from torch import Tensor

from study.data import shades
from study.data.picture import fit
from study.data.picture_decoding import Undecodable, decode
from study.datasets import DatasetDescriptor
from study.errors import UsageError
from study.explain.picture_files import read_picture

#: The object is looked for in a copy whose sides have at most so many pixels.
WORKING_SIDE = 256
#: A pixel so near the background's colour belongs to it; the distance is a share of that between black
#: and white (Xiao et al. 2017, section 2.1). On an uneven background the limit is a multiple of the median.
CLOSE = 0.05
UNEVEN = 4.5
#: An object is at least so long as a share of the picture's longer side. A part of it has at least these
#: shares of the pixels of the largest part and of the picture; what is smaller is dust.
LEAST_LENGTH, LEAST_PART, LEAST_SPECK = 0.05, 0.1, 0.001
#: A cut-out that fills its frame to this share is a photograph with a transparent margin.
FULL_FRAME = 0.98
#: From this balance of lighter and darker parts on, the picture itself tells whether it must be negated.
CLEAR = 0.9
#: A grey picture of the data set's size is taken as it is if its border is black or white to this share,
#: and its object at least so long a share of its side. In the 70,000 images of FashionMNIST these are at
#: least 0.24 (black) and 23 of 28 pixels.
LEAST_BORDER, LEAST_SIDE = 0.2, 23 / 28
_GREY = np.array([0.299, 0.587, 0.114])

Reals = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]


class NothingFound(UsageError):
    """A picture shows no object."""


@dataclass(frozen=True, kw_only=True)
class OwnPicture:
    """An object as the networks see it, and where it was found.

    Attributes:
        views: uint8 [V, side, side], a light object on black. There are two, not negated and negated, if
            the picture does not tell which is right, else one. In colour, uint8 [1, side, side, 3].
        upright: the picture, of at most `WORKING_SIDE` pixels a side.
        box: left, top, right and bottom of the object in `upright`.
    """

    views: Tensor
    upright: Image.Image
    box: Box


def seen_picture(data: DatasetDescriptor, path: Path) -> OwnPicture:
    """Returns the picture in a file as the networks of a study of a data set see it.

    In a data set of light objects on black that is the object in it, else the whole picture, decoded as the
    pictures of the data set were.

    Raises:
        UsageError: the file cannot be read, or nothing stands out from the background.
    """
    picture = read_picture(path)
    if data.on_black:
        return find_object(picture, data.side)
    try:
        decoded = decode(path.read_bytes()).pixels
    except Undecodable as error:
        raise UsageError(f"{path} is {error}") from error
    if data.channels == 1:
        decoded = shades(torch.from_numpy(decoded)[None])[0].numpy()[..., None]
    fitted = fit(decoded, data.side)
    view = np.broadcast_to(fitted, (1, data.side, data.side, data.channels)).reshape(1, *data.shape).copy()
    picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
    return OwnPicture(views=torch.from_numpy(view), upright=picture, box=(0, 0, *picture.size))


def find_object(picture: Image.Image, side: int) -> OwnPicture:
    """Finds the object in a picture and draws it as the data set does.

    A picture that has the data set's form already, perhaps negated, keeps every pixel.

    Args:
        picture: with the right side up, in the mode L, RGB or RGBA.
        side: of the data set's images in pixels.

    Raises:
        UsageError: nothing stands out from the background.
    """
    known = _known_form(picture, side)
    if known is not None:
        return OwnPicture(views=torch.from_numpy(known[None]), upright=picture, box=(0, 0, side, side))
    upright = picture.copy()
    upright.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS)
    cover: Reals | None = None
    if upright.mode == "RGBA":
        cover = np.asarray(upright.getchannel("A"), dtype=np.float64) / 255
        left, top, right, bottom = frame = _box(cover > 0.5)
        if cover[top:bottom, left:right].mean() >= FULL_FRAME:
            upright, cover = upright.crop(frame).convert("RGB"), None
    colours = np.asarray(upright.convert("RGB"), dtype=np.float64) / 255
    behind: Reals | None = None
    if cover is None:
        background, limit = _background(colours)
        cover = _foreground(_distance(colours, background), limit).astype(np.float64)
        behind = background @ _GREY
    box = _box(cover > 0.5)
    shades = _shades(colours @ _GREY, cover > 0.5, behind)
    views = torch.from_numpy(np.stack([_framed(shade * cover, box, side) for shade in shades]))
    return OwnPicture(views=views, upright=upright, box=box)


def _known_form(picture: Image.Image, side: int) -> Bytes | None:
    """Returns the pixels, light on black, of a grey picture that is framed as those of the data set."""
    if picture.size != (side, side):
        return None
    channels = np.asarray(picture.convert("RGBA"))
    values: Bytes = channels[:, :, 0].copy()
    if (channels[:, :, 1:3] != values[:, :, None]).any() or (channels[:, :, 3] < 255).any():
        return None
    border = np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
    near = 255 * CLOSE
    black, white = (border <= near).mean(), (border >= 255 - near).mean()
    if max(black, white) < LEAST_BORDER:
        return None
    if white > black:
        values = 255 - values
    rows, columns = (values > near).nonzero()
    long_enough = rows.size and max(np.ptp(rows), np.ptp(columns)) + 1 >= round(LEAST_SIDE * side)
    return values if long_enough else None


def _distance(colours: Reals, others: Reals) -> Reals:
    """Returns the distance of RGB colours [..., 3] as a share of that of black and white."""
    found: Reals = np.linalg.norm(colours - others, axis=-1) / np.sqrt(3)
    return found


def _background(colours: Reals) -> tuple[Reals, float]:
    """Estimates the background from the picture's border, which the object may touch.

    Light falls evenly on a wall, so each channel is fitted by a plane. The fit begins with the colour that
    most of the border resembles, and then goes on with all pixels of the border that are near the plane.

    Args:
        colours: [H, W, 3] in [0, 1].

    Returns:
        The colours of the background [H, W, 3], and the distance up to which a pixel belongs to it.
    """
    height, width, _ = colours.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y], axis=2)
    inner = max(1, max(height, width) // 64)
    border = np.ones((height, width), bool)
    border[inner:-inner, inner:-inner] = False
    at, seen = terms[border], colours[border]
    some = seen[:: max(1, len(seen) // 400)]
    alike = _distance(some[:, None], some[None]) <= 2 * CLOSE
    most = some[alike[alike.sum(1).argmax()]].mean(0)
    limit, off = 2 * CLOSE, _distance(seen, most)
    for _ in range(6):
        kept = off <= limit
        plane = np.linalg.lstsq(at[kept], seen[kept], rcond=None)[0]
        off = _distance(seen, at @ plane)
        limit = max(CLOSE, UNEVEN * float(np.median(off[kept])))
    return terms @ plane, limit


def _foreground(off: Reals, limit: float) -> Mask:
    """Returns where the object is: the largest part and others that are not much smaller, without holes.

    Args:
        off: distances from the background [H, W].
        limit: distance up to which a pixel belongs to the background.
    """
    longest = max(off.shape)
    found: Mask = off > limit
    if longest >= 128:  # removes grain and dust; a strap of a sandal is wider
        found = ndimage.binary_opening(found, iterations=longest // 128)
    gap = max(1, longest // 64)
    joined = ndimage.binary_dilation(found, iterations=gap)
    labels, _ = ndimage.label(joined)
    sizes = np.bincount(labels[found], minlength=1)
    large = sizes >= max(1, LEAST_PART * sizes.max(), LEAST_SPECK * off.size)
    filled = ndimage.binary_fill_holes(joined & large[labels])
    closed: Mask = ndimage.binary_erosion(filled, iterations=gap, border_value=1)
    return closed


def _box(mask: Mask) -> Box:
    """Returns left, top, right and bottom of what is set.

    Raises:
        UsageError: nothing is set, or so little that it is no object.
    """
    rows, columns = mask.nonzero()
    if not rows.size or max(np.ptp(rows), np.ptp(columns)) + 1 < LEAST_LENGTH * max(mask.shape):
        raise NothingFound("no object found: nothing in the picture stands out from its background")
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def _shades(lightness: Reals, inside: Mask, behind: Reals | None) -> list[Reals]:
    """Returns the object's shades in [0, 1] on black: not negated if it is lighter than the background.

    Both are returned for a cut-out, and for an object with lighter and darker parts.

    Args:
        lightness: of the picture [H, W], in [0, 1].
        inside: where the object is.
        behind: lightness of the background [H, W]; None for a cut-out.
    """
    low, high = (float(value) for value in np.percentile(lightness[inside], (0.5, 99.5)))
    balance, black, white = 0.0, 0.0, 1.0
    if behind is not None:
        against = (lightness - behind)[inside]
        balance = float(against.sum() / max(np.abs(against).sum(), 1e-9))
        black, white = min(low, float(behind.mean())), max(high, float(behind.mean()))
    shades = []
    if balance > -CLEAR:
        shades.append(_stretched(lightness - black, high - black))
    if balance < CLEAR:
        shades.append(_stretched(white - lightness, white - low))
    return shades


def _stretched(values: Reals, span: float) -> Reals:
    """Scales `span` to 1; an object of one shade, which differs in colour alone, becomes white."""
    found: Reals = np.clip(values / span, 0, 1) if span > CLOSE else np.ones_like(values)
    return found


def _framed(values: Reals, box: Box, side: int) -> Bytes:
    """Cuts out the box and puts it in the middle of a black square that its longer side fills.

    An odd pixel stands at the left or above, as it does in nine of ten images of the data set.
    """
    left, top, right, bottom = box
    scale = side / max(right - left, bottom - top)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    shades = Image.fromarray((255 * values).round().astype(np.uint8))
    square = Image.new("L", (side, side))
    small = shades.crop(box).resize(size, Image.Resampling.LANCZOS)
    square.paste(small, ((side - size[0] + 1) // 2, (side - size[1] + 1) // 2))
    return np.asarray(square)


def explanation(picture: OwnPicture, view: int) -> Image.Image:
    """Draws the picture with a frame around the object, and beside it what the network saw, enlarged."""
    side, gap = 10 * picture.views.shape[1], 20
    photo = picture.upright.convert("RGBA")
    scale = side / max(photo.size)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    shown = Image.new("RGBA", size, "lightgrey")
    shown.alpha_composite(photo.resize(size, Image.Resampling.BICUBIC))
    left, top, right, bottom = (round(value * scale) for value in picture.box)
    frame = (left, top, max(left, right - 1), max(top, bottom - 1))
    ImageDraw.Draw(shown).rectangle(frame, outline="red", width=2)
    seen = Image.fromarray(picture.views[view].numpy()).resize((side, side), Image.Resampling.NEAREST)
    sheet = Image.new("RGB", (2 * side + 3 * gap, side + 2 * gap), "white")
    sheet.paste(shown.convert("RGB"), (gap + (side - size[0]) // 2, gap + (side - size[1]) // 2))
    sheet.paste(seen.convert("RGB"), (side + 2 * gap, gap))
    return sheet
