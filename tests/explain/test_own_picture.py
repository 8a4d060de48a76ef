"""The object of a person's picture is found, cut out, negated or not, and framed as in the data set."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from benchmarks.photographs import Condition, conditions
from study.data import LabelledImages
from study.errors import UsageError
from study.explain import own_picture
from study.explain.own_picture import OwnPicture, explanation
from study.explain.picture_files import read_picture

OBJECTS = 40
SHOWN = [condition for condition in conditions() if condition.shows]
#: Conditions under which an object may be lighter or darker than what is behind it, or nothing is.
OPEN = ("transparent cut-out", "any garment, grey wall", "coloured background")
find_object = partial(own_picture.find_object, side=28)
FORMS = {
    "grey": lambda grey: Image.fromarray(grey),
    "RGB": lambda grey: Image.fromarray(grey).convert("RGB"),
    "opaque RGBA": lambda grey: Image.fromarray(grey).convert("RGBA"),
    "negated": lambda grey: Image.fromarray(255 - grey),
}


def _taken(condition: Condition, grey: npt.NDArray[np.uint8], number: int, folder: Path) -> OwnPicture:
    path = folder / "picture"
    path.write_bytes(condition.take(grey, np.random.default_rng(number)))
    return find_object(read_picture(path))


def _likeness(view: torch.Tensor, grey: npt.NDArray[np.uint8]) -> float:
    return float(np.corrcoef(view.numpy().ravel(), grey.ravel())[0, 1])


def _square(wall: int, garment: int, size: int = 200) -> npt.NDArray[np.uint8]:
    """A garment of 60×100 pixels with a darker and a lighter half, at the left of the middle of a wall."""
    values = np.full((size, size), wall, np.uint8)
    values[50:100, 40:100], values[100:150, 40:100] = garment - 8, garment + 8
    return values


@pytest.mark.parametrize("condition", SHOWN, ids=lambda condition: condition.name)
def test_the_object_is_drawn_as_in_the_data_set(
    condition: Condition, few: LabelledImages, tmp_path: Path
) -> None:
    alike = []
    for number, grey in enumerate(few.test_images[:OBJECTS].numpy()):
        picture = _taken(condition, grey, number, tmp_path)
        assert picture.views.shape[1:] == (28, 28) and picture.views.dtype is torch.uint8
        alike.append(max(_likeness(view, grey) for view in picture.views))
    assert np.median(alike) > (0.85 if condition.name in OPEN else 0.95)
    assert np.mean(np.array(alike) > 0.8) >= (0.75 if condition.name in OPEN else 0.9)


@pytest.mark.parametrize(
    "condition", [each for each in SHOWN if each.name not in OPEN], ids=lambda condition: condition.name
)
def test_the_picture_itself_tells_whether_it_is_to_be_negated(
    condition: Condition, few: LabelledImages, tmp_path: Path
) -> None:
    single = []
    for number, grey in enumerate(few.test_images[:OBJECTS].numpy()):
        single.append(len(_taken(condition, grey, number, tmp_path).views) == 1)
    assert np.mean(single) >= 0.95


@pytest.mark.parametrize("form", FORMS)
def test_images_of_the_data_set_keep_every_pixel(form: str, fashion: LabelledImages) -> None:
    for grey in fashion.test_images.numpy():
        views = find_object(FORMS[form](grey)).views
        assert len(views) == 1 and np.array_equal(views[0].numpy(), grey)


def test_a_cut_out_is_shown_in_both_ways_whatever_is_hidden(few: LabelledImages) -> None:
    grey = few.test_images[0].numpy()
    alpha = np.where(grey > 0, 255, 0).astype(np.uint8)
    for hidden in (0, 255):
        shade = np.where(alpha > 0, grey, hidden).astype(np.uint8)
        picture = Image.fromarray(np.dstack([shade, shade, shade, alpha])).resize((112, 112))
        as_it_is, negated = find_object(picture).views
        assert _likeness(as_it_is, grey) > 0.9 > _likeness(negated, grey)
        assert int(as_it_is[0, 0]) == int(negated[0, 0]) == 0


@pytest.mark.parametrize("garment", [200, 60], ids=["lighter", "darker"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_longer_side_fills_the_frame_and_the_shorter_is_centred(garment: int, mode: str) -> None:
    picture = find_object(Image.fromarray(_square(130, garment)).convert(mode))
    assert all(abs(a - b) <= 2 for a, b in zip(picture.box, (40, 50, 100, 150), strict=True))
    (view,) = picture.views.numpy()
    rows, columns = (view > 100).nonzero()
    assert np.ptp(rows) + 1 >= 27 and 15 <= np.ptp(columns) + 1 <= 19
    assert abs((columns.min() + columns.max()) / 2 - 13.5) <= 1
    above, below = view[4:10, 12:16].mean(), view[18:24, 12:16].mean()
    assert (above < below) == (garment > 130), "the half that is lighter, or darker if it is negated"


def test_a_photograph_in_a_transparent_frame_is_no_cut_out() -> None:
    values = np.zeros((300, 300, 4), np.uint8)
    values[50:250, 50:250] = _square(130, 200)[:, :, None]
    values[50:250, 50:250, 3] = 255
    (view,) = find_object(Image.fromarray(values)).views.numpy()
    assert view[14, 14] > 100 and view[14, 1] == 0


def test_light_that_falls_from_one_side_is_not_an_object() -> None:
    slope = np.linspace(90, 160, 200).astype(np.uint8)
    wall = np.tile(slope, (200, 1))
    with pytest.raises(UsageError, match="no object found"):
        find_object(Image.fromarray(wall))
    wall[50:150, 70:130] = 230
    left, top, right, bottom = find_object(Image.fromarray(wall)).box
    assert max(abs(left - 70), abs(top - 50), abs(right - 130), abs(bottom - 150)) <= 2


def test_dust_is_neither_an_object_nor_a_part_of_one() -> None:
    values = np.full((200, 200), 240, np.uint8)
    values[20, 30] = values[170:172, 180:182] = 0
    with pytest.raises(UsageError, match="no object found"):
        find_object(Image.fromarray(values))
    values[60:160, 60:120] = 40
    assert find_object(Image.fromarray(values)).box[0] >= 58


def _noise(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    return rng.integers(256, size=(200, 200, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (300, 200), "white"),
        Image.new("L", (300, 200), 90),
        Image.new("L", (28, 28), 0),
        Image.new("RGB", (28, 28), "white"),
        Image.new("RGBA", (50, 50), (200, 10, 10, 0)),
        Image.new("L", (1, 1), 7),
        Image.fromarray(_noise(np.random.default_rng(0))),
    ],
    ids=["white", "grey", "black 28×28", "white 28×28", "transparent", "one pixel", "noise"],
)
def test_a_picture_without_an_object_is_refused(picture: Image.Image) -> None:
    with pytest.raises(UsageError, match="no object found"):
        find_object(picture)


@pytest.mark.parametrize("size", [(400, 3), (3, 400), (30, 2_000)])
def test_a_thin_object_has_a_picture(size: tuple[int, int]) -> None:
    values = np.full((size[1], size[0]), 255, np.uint8)
    values[size[1] // 3 : -size[1] // 3, size[0] // 3 : -size[0] // 3] = 0
    try:
        assert find_object(Image.fromarray(values)).views.amax() > 0
    except UsageError as error:
        assert "no object found" in str(error)


def test_the_drawing_shows_the_photograph_and_what_the_network_saw() -> None:
    picture = find_object(Image.fromarray(_square(130, 200)).convert("RGB"))
    sheet = np.asarray(explanation(picture, 0))
    assert sheet.shape == (320, 620, 3)
    enlarged = sheet[20:300, 320:600, 0][5::10, 5::10]
    assert np.array_equal(enlarged, picture.views[0].numpy())
    red = (sheet[:, :, 0] > 200) & (sheet[:, :, 1] < 60)
    rows, columns = red.nonzero()
    scale = 280 / 200
    assert abs(columns.min() - 20 - 40 * scale) <= 3 and abs(rows.max() - 20 - 150 * scale) <= 3


def test_a_camera_held_sideways_and_a_large_jpeg_are_read(tmp_path: Path) -> None:
    values = np.full((4_000, 6_000), 240, np.uint8)
    values[1_000:3_000, 2_000:2_500] = 20
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(values).save(tmp_path / "p.jpg", exif=exif)
    picture = read_picture(tmp_path / "p.jpg")
    assert picture.height > picture.width and picture.height < 2_000
    left, top, right, bottom = find_object(picture).box
    assert right - left > 3 * (bottom - top), "an object that stood in the file lies after the turn"


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC photo; save or send it as JPEG"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2", "a video"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"<?xml version='1.0'?><svg/>", "a drawing or a page"),
        (b"", "it is empty"),
        (b"anything else", "save it as JPEG or PNG"),
    ],
    ids=["HEIC", "video", "PDF", "SVG", "empty", "text"],
)
def test_what_cannot_be_read_is_told_with_a_hint(start: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(start)
    with pytest.raises(UsageError, match=told):
        read_picture(tmp_path / "photo")


def test_a_picture_that_is_too_large_is_told_with_a_hint(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("1", (9_000, 9_000)).save(stream, "PNG")
    (tmp_path / "p.png").write_bytes(stream.getvalue())
    with pytest.raises(UsageError, match="larger than 50,000,000 pixels; save it smaller"):
        read_picture(tmp_path / "p.png")
