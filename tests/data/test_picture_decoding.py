"""Pictures of every usual form are decoded to the same pixels; what is none is refused with a reason."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_sets import encoded, photo, png_of
from PIL import Image, ImageSequence

from study.data.picture import WORKING_SIDE, Change, fit, picture_of
from study.data.picture_decoding import Undecodable, decode

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "PPM"])
def test_forms_without_loss_give_every_pixel(kind: str) -> None:
    found = decode(encoded(Image.fromarray(GREY), kind))
    assert np.array_equal(found.pixels[:, :, 0], GREY) and found.size == (30, 20)
    assert found.changes is Change.NONE
    assert found.digest == picture_of(GREY[:, :, None]).digest


def test_colour_is_kept_and_grey_in_three_channels_is_grey() -> None:
    colour = photo(1, 40, 30)
    for content in (encoded(colour), encoded(colour, "WEBP", lossless=True)):
        assert np.array_equal(decode(content).pixels, np.asarray(colour))
    threefold = decode(encoded(Image.fromarray(GREY).convert("RGB")))
    assert threefold.pixels.shape == (20, 30, 1)
    assert threefold.digest == decode(encoded(Image.fromarray(GREY))).digest


def test_a_jpeg_is_nearly_the_picture() -> None:
    colour = photo(2, 60, 50)
    found = decode(encoded(colour, "JPEG", quality=95))
    assert np.abs(found.pixels.astype(int) - np.asarray(colour)).mean() < 4


def test_of_sixteen_bits_the_high_eight_are_used() -> None:
    wide = Image.fromarray(GREY.astype(np.uint16) * 256 + 77)
    for kind in ("PNG", "TIFF"):
        found = decode(encoded(wide, kind))
        assert np.array_equal(found.pixels[:, :, 0], GREY) and found.changes is Change.WIDE


def test_transparency_is_drawn_on_white() -> None:
    cover = np.full((8, 8, 4), (100, 0, 200, 255), np.uint8)
    assert decode(encoded(Image.fromarray(cover))).changes is Change.NONE
    cover[:, :4, 3] = 0
    found = decode(encoded(Image.fromarray(cover)))
    assert found.changes is Change.TRANSPARENT
    assert (found.pixels[:, :4] == 255).all() and (found.pixels[:, 4:] == (100, 0, 200)).all()
    palette = Image.fromarray(GREY).convert("P")
    assert np.array_equal(decode(encoded(palette)).pixels[:, :, 0], GREY)
    clear = int(GREY[0, 0])
    found = decode(encoded(palette, transparency=clear))
    assert found.changes is Change.TRANSPARENT and (found.pixels[np.equal(GREY, clear)] == 255).all()


def test_a_turned_photo_stands_upright() -> None:
    turned = Image.fromarray(GREY)
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was turned: a quarter to the right shows it upright
    found = decode(encoded(turned, "PNG", exif=exif))
    assert np.array_equal(found.pixels[:, :, 0], np.rot90(GREY, -1)) and found.size == (20, 30)
    assert found.changes is Change.TURNED


def test_four_inks_become_three_colours() -> None:
    found = decode(encoded(photo(3).convert("CMYK"), "JPEG", quality=95))
    assert found.changes is Change.CMYK and found.pixels.shape[2] == 3
    small = np.asarray(photo(3).resize((64, 53), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(found.pixels - small).mean() < 6


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_of_several_frames_the_first_is_taken(kind: str) -> None:
    frames = [Image.new("L", (16, 16), shade).convert("RGB") for shade in (40, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    with Image.open(io.BytesIO(content)) as opened:
        assert len(list(ImageSequence.Iterator(opened))) == 2
    found = decode(content)
    assert found.changes is Change.FRAMES and (found.pixels == 40).all()


def test_a_large_jpeg_is_decoded_smaller_and_keeps_its_size() -> None:
    found = decode(encoded(photo(4, 2400, 1200), "JPEG"))
    assert found.size == (2400, 1200) and found.changes is Change.REDUCED
    assert found.pixels.shape == (32, 64, 3)


def test_a_picture_is_fitted_whole() -> None:
    assert WORKING_SIDE == 64
    wide = picture_of(np.full((10, 200, 1), 255, np.uint8))
    assert wide.pixels.shape == (3, 64, 1) and wide.size == (200, 10)
    square = fit(wide.pixels, 32)
    assert square.shape == (32, 32, 1) and (square[15:17] > 0).all()
    assert not square[:14].any() and not square[18:].any()
    same = np.arange(32 * 32, dtype=np.uint32).astype(np.uint8).reshape(32, 32, 1)
    assert fit(same, 32) is same


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (b"words", "not a readable image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a readable image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (png_of(9_000, 9_000), "larger than 50,000,000 pixels"),
        (png_of(60_000, 60_000), "larger than 50,000,000 pixels"),
        (png_of(100, 100), "damaged"),
        (encoded(photo(5))[:-200], "damaged"),
        (encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "32 bits"),
        (encoded(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "32 bits"),
    ],
    ids=[
        *("empty", "words", "EPS", "SVG", "HEIC", "81 million pixels", "3.6 billion pixels", "no pixels"),
        *("half", "floats", "32 bits"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, says: str) -> None:
    with pytest.raises(Undecodable, match=says):
        decode(content)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]), st.data())
def test_a_damaged_picture_is_decoded_or_refused(kind: str, data: st.DataObject) -> None:
    content = bytearray(encoded(photo(6, 24, 20), kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Undecodable):
        found = decode(bytes(content[: data.draw(st.integers(0, len(content)))]))
        assert max(found.pixels.shape[:2]) <= WORKING_SIDE and found.pixels.shape[2] in (1, 3)
