"""Classifies the pictures in a folder and writes the answers to a CSV file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from study.data import to_input
from study.datasets import DatasetDescriptor, studied
from study.errors import UsageError
from study.explain.doubt import SURE, doubt
from study.explain.own_picture import NothingFound, seen_picture
from study.explain.predict import stored_networks
from study.models import Network
from study.store.cells import Cell
from study.store.files import require_folder, write_text
from study.store.safe_load import read_object
from study.store.tables import rows_text
from study.training.evaluate import evaluation_batch

#: Columns of the CSV file. The class probabilities follow, each under the name of its class.
COLUMNS = ("file", "network", "class", "probability", "doubt", "problem")
#: A line on the terminal names at most so many files; the CSV file has every picture.
MOST_NAMED = 5
#: At most so many pictures without an answer have a line of their own.
MOST_LINES = 20
#: A line on the terminal tells how far the work has come after so many files.
EVERY = 1_000
#: Endings of photos that Pillow does not know. A file with such an ending was meant to be a picture.
_FOREIGN_PICTURES = (".heic", ".heif")

Stored = tuple[str, Network, int]
Row = tuple[Cell, ...]


@dataclass(kw_only=True)
class _Answers:
    """What became of the files of a folder.

    Attributes:
        data: the data set of the study.
        rows: rows of the CSV file by file; one for each network, or one that names a problem.
        problems: why a picture, or a folder inside, got no answer, by its name.
        others: files that are no pictures.
        doubted: number of pictures whose answer by the first network is in doubt.
    """

    data: DatasetDescriptor
    rows: dict[str, list[Row]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    doubted: int = 0

    @property
    def answered(self) -> int:
        return sum(name not in self.problems for name in self.rows)

    def fail(self, name: str, reason: str) -> None:
        self.problems[name] = reason
        self.rows[name] = [(name, "", "", "", "", reason, *[""] * len(self.data.classes))]


def predict_folder(results_dir: Path, folder: Path, csv: Path, say: Callable[[object], None]) -> bool:
    """Writes the answers of the champion to all pictures in a folder and in the folders below it.

    Files are taken in the order of their names. Hidden files, and files that are no pictures, are counted
    and named on the terminal. A picture that cannot be read, or in which no object is found, gets a row
    with the problem, and the rest goes on. Without a champion each stored network has a row of its own.

    Args:
        results_dir: the results directory of a study.
        folder: the folder of pictures.
        csv: the file to write; an older one of this function is replaced.
        say: prints a line.

    Returns:
        Whether every picture got an answer.

    Raises:
        UsageError: there is no stored network or no picture, or `csv` cannot be the name of the file.
        WeightsError: a stored network is damaged.
        StoreError: `csv` cannot be written, or environment.json is damaged.
    """
    _require_free(csv, results_dir)
    data = studied(read_object(results_dir / "environment.json"), results_dir)
    found = _Answers(data=data)
    paths, hidden = _files(folder, csv, found)
    if not paths and not found.problems:
        raise UsageError(f"{folder} holds no picture{_left_out(found.others, hidden)}")
    networks = stored_networks(results_dir / "checkpoints", data)
    for limit in require_folder(csv.absolute().parent, "the folder of --csv"):
        say(limit)
    for batch in _batches(_views(folder, paths, found, say), min(map(_batch_size, networks))):
        _answer(batch, networks, found)
    if not found.rows:
        raise UsageError(f"{folder} holds no picture{_left_out(found.others, hidden)}")
    rows = [row for name in sorted(found.rows) for row in found.rows[name]]
    write_text(csv, rows_text((*COLUMNS, *data.classes), rows))
    for line in _summary(csv, found, hidden, networks):
        say(line)
    return not found.problems


def _require_free(csv: Path, results_dir: Path) -> None:
    """Raises UsageError if the CSV file would replace a file of something else."""
    if csv.suffix.lower() != ".csv":
        raise UsageError(f"--csv writes a CSV file; {csv} has another ending")
    if os.path.realpath(csv.absolute().parent) == os.path.realpath(results_dir):
        raise UsageError(f"--csv {csv} would lie among the study's tables; name another folder")
    if csv.exists() and not csv.is_file():
        raise UsageError(f"--csv {csv} is not a file")
    if csv.exists():
        with csv.open("rb") as stream:
            start = stream.read(200)
        if not start.startswith(",".join(COLUMNS).encode()):
            raise UsageError(f"--csv {csv} holds something else than answers; it is not replaced")


def _files(folder: Path, csv: Path, found: _Answers) -> tuple[list[Path], list[str]]:
    """Returns the files of a folder by name without the CSV file, and the names of what is hidden.

    A link to a folder is not followed. A folder that cannot be read is noted as a problem.
    """
    paths: list[Path] = []
    hidden: list[str] = []

    def unreadable(error: OSError) -> None:
        name = f"{_name(folder, Path(error.filename))}/"
        found.fail(name, f"cannot be read: {error.strerror}")

    for place, folders, files in os.walk(folder, onerror=unreadable):
        hidden += [_name(folder, Path(place, name)) for name in (*folders, *files) if name.startswith(".")]
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(place, name) for name in files if not name.startswith(".")]
    own = os.path.realpath(csv)
    paths = [path for path in paths if os.path.realpath(path) != own]
    return sorted(paths, key=lambda path: _name(folder, path)), sorted(hidden)


def _name(folder: Path, path: Path) -> str:
    """Returns the path below the folder; bytes of a name that are not UTF-8 become their codes."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")


def _views(
    folder: Path, paths: Sequence[Path], found: _Answers, say: Callable[[object], None]
) -> Iterator[tuple[str, Tensor]]:
    """Yields the name and the views, uint8 [V, side, side(, 3)], of each picture that has any."""
    for number, path in enumerate(paths, start=1):
        name = _name(folder, path)
        views, reason = _read(path, found.data)
        if views is not None:
            yield name, views
        elif reason:
            found.fail(name, reason)
        else:
            found.others.append(name)
        if number % EVERY == 0:
            say(f"{number:,} of {len(paths):,} files")


def _read(path: Path, data: DatasetDescriptor) -> tuple[Tensor | None, str]:
    """Returns the views of the object in a picture, else None and the reason; "" for what is no picture."""
    try:
        return seen_picture(data, path).views, ""
    except NothingFound as error:
        return None, str(error)
    except UsageError as error:
        return None, str(error).removeprefix(f"{path} ") if _meant_as_picture(path) else ""
    except OSError as error:  # no permission, or the file is gone meanwhile
        return None, f"cannot be read: {error.strerror}"


def _meant_as_picture(path: Path) -> bool:
    """Returns whether the ending of a file is that of a picture; a file of another ending is no picture."""
    kind = Image.registered_extensions().get(path.suffix.lower())
    return kind in Image.OPEN or path.suffix.lower() in _FOREIGN_PICTURES


def _batches(pictures: Iterable[tuple[str, Tensor]], size: int) -> Iterator[list[tuple[str, Tensor]]]:
    """Yields pictures in batches of about `size` views, so that memory does not grow with their number."""
    batch: list[tuple[str, Tensor]] = []
    count = 0
    for name, views in pictures:
        batch.append((name, views))
        count += len(views)
        if count >= size:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _batch_size(stored: Stored) -> int:
    _, _, resolution = stored
    return evaluation_batch(resolution)


def _answer(batch: list[tuple[str, Tensor]], networks: Sequence[Stored], found: _Answers) -> None:
    """Adds a row for each picture and network, by the view of which the network is surest."""
    views = torch.cat([each for _, each in batch])
    counts = [len(each) for _, each in batch]
    for place, (network_name, network, resolution) in enumerate(networks):
        with torch.inference_mode():
            shares = network(to_input(views, resolution)).softmax(1)
        for (name, _), own in zip(batch, shares.split(counts), strict=True):
            best = own[int(own.amax(1).argmax())]
            probability = float(best.max())
            words = doubt(probability).removeprefix("; ")
            found.doubted += place == 0 and bool(words)
            cells = [round(float(value), 6) for value in best]
            row: Row = (
                name,
                network_name,
                found.data.classes[int(best.argmax())],
                round(probability, 6),
                words,
                "",
                *cells,
            )
            found.rows.setdefault(name, []).append(row)


def _summary(csv: Path, found: _Answers, hidden: list[str], networks: Sequence[Stored]) -> Iterator[str]:
    names = ", ".join(name for name, _, _ in networks)
    yield (
        f"{csv}: {found.answered:,} of {len(found.rows):,} pictures answered by {names}; "
        f"{found.doubted:,} in doubt (below {SURE:.2f})"
    )
    for name, reason in sorted(found.problems.items())[:MOST_LINES]:
        yield f"{name}: {reason}"
    if len(found.problems) > MOST_LINES:
        yield f"{len(found.problems) - MOST_LINES:,} more pictures without an answer; {csv} names them"
    for what, left in (("no picture", found.others), ("hidden", hidden)):
        if left:
            yield f"{what}, left out: {_listed(left)}"


def _listed(names: Sequence[str]) -> str:
    """Returns the first names and the number of all."""
    shown = ", ".join(names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown


def _left_out(others: Sequence[str], hidden: Sequence[str]) -> str:
    """Returns what a folder without pictures holds instead, in brackets; empty if it holds nothing."""
    parts = [
        f"{what}: {_listed(names)}"
        for what, names in (("other files", others), ("hidden", hidden))
        if names
    ]
    return f" ({'; '.join(parts)})" if parts else ""
