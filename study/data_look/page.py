"""Prints what a look at a set of images has found, as a page for the terminal."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from study.data.image_set import ImageSet, Problem, Trouble
from study.data_look.duplicates import Twins
from study.data_look.look import DataLook, Sizes
from study.errors import one_line

#: Narrowest page. Classes that are listed whole, else so many of the largest and of the smallest ones.
LEAST_WIDTH, MOST_CLASSES, ENDS = 40, 30, 12
#: Examples of a kind of findings.
_EXAMPLES = 3


def page(found: DataLook, width: int) -> list[str]:
    """Returns the lines of the page.

    Args:
        found: the look.
        width: of the terminal in characters; lines of names that cannot be broken may be longer.
    """
    width = max(LEAST_WIDTH, width)
    images = found.images
    lines = [*textwrap.wrap(_head(images), width), "", *_classes(found, width)]
    for title, entries in (
        ("Sizes", list(_sizes(found))),
        ("Equal pictures", list(_twins(found.exact, "group"))),
        ("Nearly equal pictures", list(_near(found))),
        ("Files of one name in different parts", [f"{one}, {other}" for one, other in found.names]),
        ("Mirrored from left to right", [_mirror(found)]),
        (
            "Changed while reading",
            [f"{number:,} pictures: {what}" for what, number in images.changes.items()],
        ),
        ("Left out, or odd", list(_problems(images.problems))),
    ):
        if title.startswith("Files") and len(entries) > _EXAMPLES:
            entries = [*entries[:_EXAMPLES], f"{len(entries) - _EXAMPLES:,} more"]
        if entries:
            lines += ["", title, *_wrapped(entries, width)]
    lines += ["", "Warnings", *_wrapped(found.warnings or ["none"], width)]
    note = "A study of this set: `--data` with the same path (docs/own-data.md)."
    return [*lines, "", *textwrap.wrap(note, width)]


def brief(found: DataLook) -> list[str]:
    """Returns what a study tells of its data at the start: what there is, what is left out, warnings."""
    left_out = [f"left out, or odd: {entry}" for entry in _problems(found.images.problems)]
    warnings = [f"warning: {warning}" for warning in found.warnings]
    return [one_line(line) for line in (_head(found.images), *left_out, *warnings)]


def _head(images: ImageSet) -> str:
    count = sum(len(part.labels) for part in images.parts)
    return f"{one_line(images.title)}: {images.form}, {len(images.classes):,} classes, {count:,} pictures"


def _wrapped(entries: Sequence[str], width: int) -> list[str]:
    """Breaks entries into lines; the first of each has a dash."""
    wrapped = []
    for entry in entries:
        wrapped += textwrap.wrap(
            one_line(entry),
            width,
            initial_indent="- ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return wrapped


def _classes(found: DataLook, width: int) -> list[str]:
    """Returns the table of classes by part."""
    images, counts = found.images, found.counts
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class", overflow="fold")
    for part in images.parts:
        table.add_column(part.name.value, justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    places: list[int | None] = list(range(len(images.classes)))
    if len(places) > MOST_CLASSES:
        order = np.argsort(-counts[0], kind="stable").tolist()
        places = [*order[:ENDS], None, *order[-ENDS:]]
    for place in places:
        if place is None:
            table.add_row(f"… {len(images.classes) - 2 * ENDS:,} more (--json)")
            continue
        cells = [f"{number:,}" for number in counts[:, place]]
        share = counts[0, place] / counts[0].sum()
        table.add_row(Text(one_line(images.classes[place])), *cells, f"{share:.1%}")
    table.add_row("all", *(f"{number:,}" for number in counts.sum(1)), "100.0%")
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None, highlight=False, markup=False).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def _sizes(found: DataLook) -> Iterator[str]:
    for part, sizes in zip(found.images.parts, found.sizes, strict=True):
        yield f"{part.name.value}: {_spread(sizes)}; {_channels(sizes)}"
    side = found.images.side
    if any(size != (side, side) for each in found.sizes for size in (each.smallest, each.largest)):
        yield f"compared as {side}×{side} pixels: the longer side fitted, the rest black"


def _spread(sizes: Sizes) -> str:
    least, median, most = (
        f"{width}×{height}" for width, height in (sizes.smallest, sizes.median, sizes.largest)
    )
    return (
        f"all {least}"
        if sizes.different == 1
        else (f"{sizes.different:,} sizes from {least} to {most}, median {median}")
    )


def _channels(sizes: Sizes) -> str:
    if not sizes.colour:
        return "grey"
    return f"{sizes.grey:,} grey, {sizes.colour:,} in colour" if sizes.grey else "in colour"


def _near(found: DataLook) -> Iterator[str]:
    if found.near is None:
        yield "not looked for: too many pictures are alike in brightness to compare them all"
        return
    yield from _twins(found.near, "pair")
    if not found.near_complete:
        yield "there are more: the search was ended"


def _twins(twins: Twins, word: str) -> Iterator[str]:
    """Yields numbers and examples."""
    if not twins.groups:
        yield "none"
        return
    leaks = [f"{number:,} of {part.value}" for part, number in twins.leaks.items() if number]
    across = f"; with one of an earlier part: {', '.join(leaks)}" if leaks else ""
    mixed = f"; with different classes: {twins.contradictions:,}" if twins.contradictions else ""
    groups = f"{twins.groups:,} {word}{'' if twins.groups == 1 else 's'}"
    yield f"{groups}, {twins.pictures:,} pictures{across}{mixed}"
    for group in twins.listed[:_EXAMPLES]:
        shown = [f"{name} ({part}, {label})" for part, label, name in group[:_EXAMPLES]]
        further = len(group) - len(shown)
        yield " = ".join(shown) + (f" and {further:,} more" if further else "")


def _mirror(found: DataLook) -> str:
    if found.mirrored:
        return (
            f"{found.mirror_reason}; mirrored pictures would be assumed to keep their class: judge yourself"
        )
    return f"{found.mirror_reason}; no picture would be mirrored"


def _problems(problems: Sequence[Problem]) -> Iterator[str]:
    for kind in Trouble:
        found = [problem for problem in problems if problem.kind is kind]
        if found:
            shown = [
                f"{each.place} ({each.detail})" if each.detail else each.place for each in found[:_EXAMPLES]
            ]
            further = len(found) - len(shown)
            more = f" and {further:,} more" if further else ""
            yield f"{kind.value}, {len(found):,}: {', '.join(shown)}{more}"
