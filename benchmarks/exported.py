"""Compares onnxruntime with PyTorch: `python -m benchmarks.exported [--results-dir DIR] [--threads N]`.

The champion in DIR is exported and classifies the 10,000 test images in turns: by onnxruntime, by
TorchScript, and by PyTorch as the study evaluates its networks. All get the same threads and batches. The
table goes to docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.page import replace_block
from study.data import load
from study.datasets import studied
from study.explain.stored_champion import StoredChampion, stored_champion
from study.export.export import write_checked
from study.export.formats import ONNX, TORCHSCRIPT, Answer, Pictures, Probabilities
from study.store.safe_load import read_object
from study.training.evaluate import evaluation_batch, probabilities
from study.training.runtime import detect

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
ROUNDS, CHECKED = 3, 100


def contestants(champion: StoredChampion, pictures: Pictures) -> dict[str, Answer]:
    """Returns functions that classify pictures [N, 28, 28] in batches of the study's size."""
    runtime = detect("cpu", "fp32")

    def by_torch(images: Pictures) -> Probabilities:
        return probabilities(champion.network, torch.from_numpy(images), champion.resolution, runtime)

    found = {"PyTorch": by_torch}
    with tempfile.TemporaryDirectory() as folder:
        for form in (ONNX, TORCHSCRIPT):
            path = Path(folder, f"champion{form.ending}")
            write_checked(form, path, champion, torch.from_numpy(pictures[:CHECKED]))
            found[form.name] = batched(form.read(path), evaluation_batch(champion.resolution))
    return found


def batched(answer: Answer, size: int) -> Answer:
    """Returns a function that answers in batches of `size` pictures."""

    def answers(images: Pictures) -> Probabilities:
        parts = [answer(images[start : start + size]) for start in range(0, len(images), size)]
        return np.concatenate(parts)

    return answers


def seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def table(champion: StoredChampion, threads: int) -> str:
    """Measures in turns and returns the table in Markdown."""
    pictures = load(champion.data, offline=True).test_images.numpy()
    ways = contestants(champion, pictures)
    reference = ways["PyTorch"](pictures)
    agreed = {name: answer(pictures) for name, answer in ways.items()}  # also warms up
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, answer in ways.items():
            took[name].append(seconds(lambda: answer(pictures)))  # noqa: B023 - called at once
    side = champion.resolution
    base = statistics.median(took["PyTorch"])
    lines = [
        f"{champion.model} at {side}×{side}, {len(pictures):,} test images in batches of "
        f"{evaluation_batch(side)}, {threads} thread(s), float32; medians of {ROUNDS} rounds in turns, the "
        "range in brackets.",
        "",
        "| program | seconds | images per second | against PyTorch | greatest difference | other classes |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, times in took.items():
        middle = statistics.median(times)
        rate = len(pictures) / middle
        difference = float(np.abs(agreed[name] - reference).max())
        turned = int((agreed[name].argmax(1) != reference.argmax(1)).sum())
        lines.append(
            f"| {name} | {middle:.2f} ({min(times):.2f}–{max(times):.2f}) | {rate:,.0f} | "
            f"{base / middle:.2f}× | {difference:.1e} | {turned} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--results-dir", type=Path, default=Path("results"))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    data = studied(read_object(flags.results_dir / "environment.json"), flags.results_dir)
    champion = stored_champion(flags.results_dir / "checkpoints", data)
    if champion is None:
        raise SystemExit(f"{flags.results_dir} holds no champion")
    text = table(champion, flags.threads)
    print(text)
    replace_block(PAGE, f"exported-{champion.model}", text)


if __name__ == "__main__":
    main()
