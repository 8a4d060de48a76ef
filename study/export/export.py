"""Exports the champion: writes each form, reads it back, and compares it with the saved network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from study.data import LabelledImages, balanced_order, load, to_input
from study.datasets import studied
from study.errors import ExportError, StudyError, UsageError
from study.explain.stored_champion import StoredChampion, stored_champion
from study.export.card import card
from study.export.card_facts import card_facts
from study.export.classifier import Classifier
from study.export.formats import ONNX, TORCHSCRIPT, Answer, Format, Probabilities
from study.store.files import PART, require_folder, write_atomic, write_text
from study.store.safe_load import read_object

#: Number of test pictures of the comparison, with equal numbers of each class.
PICTURES = 100
#: Where the pictures are split into batches. Different sizes show that the number of pictures is free.
_SPLITS = (1, 38)
#: Largest difference of a probability between the exported file and the saved network.
MOST_DIFFERENCE = 1e-4
#: Name of a model card in a folder; Hugging Face shows this file.
CARD = "README.md"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well an exported file agrees with the saved network.

    Attributes:
        pictures: number of pictures.
        difference: greatest absolute difference of a probability.
        equal: number of pictures to which both give the same class.
    """

    pictures: int
    difference: float
    equal: int


def export(
    results_dir: Path,
    *,
    onnx: Path | None = None,
    torchscript: Path | None = None,
    card_place: Path | None = None,
    data_dir: Path | None = None,
    offline: bool = False,
    force: bool = False,
) -> list[str]:
    """Writes the champion of a study for other programs.

    Args:
        results_dir: the results directory of a study.
        onnx: file for ONNX; None for none.
        torchscript: file for TorchScript; None for none.
        card_place: file of the model card, or the folder of its README.md; None for none.
        data_dir: folder of the data set; None for the usual folders.
        offline: whether a download of the data set is forbidden.
        force: whether existing files are replaced.

    Returns:
        A line for each file.

    Raises:
        UsageError: nothing is asked for, there is no champion, a package is missing, a file exists, or a
            path cannot be the name of its file.
        WeightsError: the champion is damaged.
        DataError: see `study.data.load`.
        ExportError: a written file does not give the answers of the saved network; it is removed.
        StoreError: a file cannot be written, or the ledger does not say what the card needs,
            or environment.json is damaged.
    """
    asked = ((ONNX, onnx), (TORCHSCRIPT, torchscript))
    files = {form: path for form, path in asked if path is not None}
    page = None if card_place is None else _card_file(card_place)
    if not files and page is None:
        raise UsageError("export needs --onnx FILE, --torchscript FILE or --card FILE")
    for form, path in files.items():
        if path.suffix.lower() != form.ending:
            raise UsageError(f"{form.flag} writes a {form.ending} file; {path} has another ending")
        form.require()
    paths = [*files.values(), *([page] if page else [])]
    _require_free(paths, force=force)
    data = studied(read_object(results_dir / "environment.json"), results_dir)
    champion = stored_champion(results_dir / "checkpoints", data)
    if champion is None:
        raise UsageError(f"{results_dir} holds no champion; run a study first")
    text = None if page is None else card(card_facts(results_dir, champion), _names(files))
    lines = [limit for folder in _folders(paths) for limit in require_folder(folder, "output folder")]
    if files:
        lines += _write_files(files, champion, load(data, data_dir, offline=offline))
    if page is not None and text is not None:
        write_text(page, text)
        lines.append(f"{page}: model card")
    return lines


def write_checked(form: Format, path: Path, champion: StoredChampion, pictures: Tensor) -> Agreement:
    """Writes a form of the champion under a passing name, compares it, and gives it its name.

    Args:
        form: to write.
        path: of the file.
        champion: the network.
        pictures: uint8 [N, side, side], to compare with.

    Raises:
        ExportError: the file cannot be read back, or a difference is above `MOST_DIFFERENCE`; no file is
            left, and an older one stays.
        StoreError: the file cannot be written.
    """
    expected = saved_answers(champion, pictures)
    classifier = Classifier(champion)
    fresh = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        try:
            write_atomic(fresh, lambda stream: form.write(classifier, stream))
            found = _agreement(form.read(fresh), pictures, expected)
        except StudyError:
            raise
        except Exception as error:  # exporters and runtimes have types of errors of their own
            told = (str(error).splitlines() or [""])[0][:200]
            raise ExportError(
                f"{path} is not written: {form.name} fails ({type(error).__name__}: {told})"
            ) from error
        if not found.difference <= MOST_DIFFERENCE:  # NaN is no agreement either
            raise ExportError(
                f"{path} is not written: its probabilities differ from those of the saved network by "
                f"{found.difference:.1e}, and at most {MOST_DIFFERENCE:.0e} is allowed"
            )
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return found


def saved_answers(champion: StoredChampion, pictures: Tensor) -> Probabilities:
    """Returns the class probabilities of the saved network, float32 [N, C], as `predict` computes them."""
    with torch.inference_mode():
        logits = champion.network(to_input(pictures, champion.resolution))
    found: Probabilities = logits.softmax(1).numpy()
    return found


def _agreement(answer: Answer, pictures: Tensor, expected: Probabilities) -> Agreement:
    """Compares a file with the saved network, in batches of different sizes."""
    parts = np.split(pictures.numpy(), _SPLITS)
    found = np.concatenate([answer(part) for part in parts if len(part)])
    if found.shape != expected.shape:
        raise ValueError(f"it gives {found.shape}, expected {expected.shape}")
    return Agreement(
        pictures=len(found),
        difference=float(np.abs(found - expected).max()),
        equal=int((found.argmax(1) == expected.argmax(1)).sum()),
    )


def _write_files(
    files: Mapping[Format, Path], champion: StoredChampion, images: LabelledImages
) -> Iterable[str]:
    pictures = images.test_images[balanced_order(images.test_labels, seed=0)[:PICTURES]]
    for form, path in files.items():
        found = write_checked(form, path, champion, pictures)
        yield (
            f"{path}: {form.name}, {path.stat().st_size / 1e6:.1f} MB, read back on {found.pictures} test "
            f"pictures: greatest difference of a probability {found.difference:.1e}, "
            f"{found.equal} equal classes"
        )


def _card_file(place: Path) -> Path:
    """Returns the file of the card; a path without the ending of Markdown names a folder."""
    if place.suffix.lower() == ".md" and not place.is_dir():
        return place
    if place.exists() and not place.is_dir():
        raise UsageError(f"--card writes a .md file; {place} has another ending")
    return place / CARD


def _require_free(paths: Iterable[Path], *, force: bool) -> None:
    for path in paths:
        if path.is_dir():
            raise UsageError(f"{path} is a folder")
        if path.exists() and not force:
            raise UsageError(f"{path} exists; --force replaces it")


def _folders(paths: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(path.absolute().parent for path in paths))


def _names(files: Mapping[Format, Path]) -> dict[str, str]:
    """Returns the names of the exported files by the name of their form."""
    return {form.name: path.name for form, path in files.items()}
