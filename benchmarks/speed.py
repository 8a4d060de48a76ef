"""Compares training speed with other libraries and with the machine's limit: `make bench`.

Each contestant runs in a process of its own, and contestants take turns for `--repeats` rounds. The figures
go to benchmarks/out/speed.json, the table to docs/performance.md between its marks, and the picture to
docs/performance-speed.svg. `gflops` is a contestant's rate in counted operations of the network as this
project trains it; full fine-tuning counts as three forward passes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from benchmarks.contest import FOLDER, ROOT, ContestantError, ask, lay_out
from benchmarks.page import replace_block

Result: TypeAlias = dict[str, Any]
#: Precision of this project's contestants; `study` chooses it itself, bfloat16 if the processor has it.
OURS = {"study": "auto", "study-fp32": "fp32"}
PEERS = {
    "torchvision": "plain.py",
    "fastai": "fastai_loop.py",
    "lightning": "lightning_loop.py",
    "timm": "timm_loop.py",
}
PRECISION = {"study": "bfloat16", "study-fp32": "float32"}
MODELS = ("vgg11", "googlenet")
#: Numbers of steps of 128 images that are timed.
PEER_STEPS = {
    ("vgg11", "full"): 8,
    ("googlenet", "full"): 40,
    ("vgg11", "frozen"): 12,
    ("googlenet", "frozen"): 60,
}
OUR_STEPS = {
    ("vgg11", "full"): 25,
    ("googlenet", "full"): 80,
    ("vgg11", "frozen"): 78,
    ("googlenet", "frozen"): 78,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-bench/bin/python")
    flags = parser.parse_args()
    rates: dict[tuple[str, str, str], list[float]] = {}
    limits: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as data:
        lay_out(Path(data))
        for repeat in range(flags.repeats):
            limits.append(ask([sys.executable, FOLDER / "limit.py"], ours=True))
            for model in MODELS:
                for scope in ("full", "frozen"):
                    for name, command in _contestants(flags.peers, model, scope, data):
                        found = ask(command, ours=name in OURS)
                        speed = found["images"] / found["seconds"]
                        rates.setdefault((name, model, scope), []).append(speed)
                        print(
                            f"{repeat + 1}/{flags.repeats} {model:10} {scope:7} {name:22} "
                            f"{speed:10.1f} images/s",
                            flush=True,
                        )
    limit = {key: statistics.median(each[key] for each in limits) for key in limits[0]}
    result = {
        "repeats": flags.repeats,
        "matmul_gflops": limit["float32"],
        "matmul_gflops_bfloat16": limit["bfloat16"],
        "forward_gflop": {model: limit[model] for model in MODELS},
        "rows": [_row(*key, values, limit) for key, values in rates.items()],
    }
    out = ROOT / "benchmarks" / "out"
    out.mkdir(exist_ok=True)
    (out / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
    publish(result)


def publish(result: Result) -> None:
    replace_block(ROOT / "docs" / "performance.md", "speed", table(result))
    draw(result, ROOT / "docs" / "performance-speed.svg")


def _row(
    contestant: str, model: str, scope: str, rates: list[float], limit: dict[str, float]
) -> dict[str, Any]:
    passes = 3 if scope == "full" else None
    gflops = None if passes is None else passes * limit[model] * statistics.median(rates)
    return {
        "contestant": contestant,
        "model": model,
        "scope": scope,
        "images_per_second": rates,
        "gflops": gflops,
    }


def _contestants(peers: Path, model: str, scope: str, data: str) -> list[tuple[str, list[str | Path]]]:
    task = ["--model", model, "--scope", scope, "--data", data, "--steps"]
    ours, theirs = OUR_STEPS[model, scope], PEER_STEPS[model, scope]
    script = FOLDER / "this_project.py"
    return [
        (name, [sys.executable, script, precision, *task, str(ours)]) for name, precision in OURS.items()
    ] + [(name, [peers, FOLDER / file, *task, str(theirs)]) for name, file in PEERS.items()]


def medians(result: Result, model: str, scope: str) -> dict[str, float]:
    """Returns the median images per second of each contestant."""
    return {name: statistics.median(values) for name, values in _rates(result, model, scope).items()}


def _rates(result: Result, model: str, scope: str) -> dict[str, list[float]]:
    return {
        row["contestant"]: row["images_per_second"]
        for row in result["rows"]
        if (row["model"], row["scope"]) == (model, scope)
    }


def table(result: Result) -> str:
    lines = [
        f"Medians of {result['repeats']} rounds, images per second.",
        "",
        "| contestant | VGG11 full | GoogLeNet full | VGG11 frozen | GoogLeNet frozen |",
        "|---|---:|---:|---:|---:|",
    ]
    columns = [(model, scope) for scope in ("full", "frozen") for model in MODELS]
    found = [medians(result, model, scope) for model, scope in columns]
    for name in (*OURS, *PEERS):
        lines.append(f"| {name} | " + " | ".join(f"{each[name]:,.0f}" for each in found) + " |")
    for name in OURS:
        ratios = [each[name] / max(each[peer] for peer in PEERS) for each in found]
        lines.append(f"| **{name} ÷ best peer** | " + " | ".join(f"**{r:.2f}**" for r in ratios) + " |")
    single, half = result["matmul_gflops"], result["matmul_gflops_bfloat16"]
    lines += [
        "",
        f"Matrix products of 2048×2048 on this machine: {single:.0f} GFLOP/s in float32, "
        f"{half:.0f} in bfloat16.",
        "",
        "| network, precision | GFLOP per image, forward | GFLOP/s in full fine-tuning "
        "| share of the float32 rate | share of its precision's rate |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        if row["contestant"] in OURS and row["scope"] == "full":
            precision = PRECISION[row["contestant"]]
            own = single if precision == "float32" else half
            lines.append(
                f"| {row['model']}, {precision} | {result['forward_gflop'][row['model']]:.4f} "
                f"| {row['gflops']:.0f} | {row['gflops'] / single:.2f} | {row['gflops'] / own:.2f} |"
            )
    return "\n".join(lines)


def draw(result: Result, path: Path) -> None:
    figure, axes = plt.subplots(1, 4, figsize=(11, 2.8), layout="constrained", sharey=True)
    columns = [(model, scope) for scope in ("full", "frozen") for model in MODELS]
    names = [*OURS, *PEERS]
    for panel, (model, scope) in zip(axes, columns, strict=True):
        found = medians(result, model, scope)
        colours = ["#1f4e79" if name in OURS else "#b0b0b0" for name in names]
        panel.barh(names, [found[name] for name in names], color=colours)
        for row, name in enumerate(names):
            values = _rates(result, model, scope)[name]
            panel.plot(values, [row] * len(values), ".", color="black", ms=3)
        panel.set_title(f"{model}, {scope}", fontsize=9)
        panel.set_xlabel("images per second", fontsize=8)
        panel.tick_params(labelsize=8)
        if scope == "frozen":
            panel.set_xscale("log")
    axes[0].invert_yaxis()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    try:
        main()
    except ContestantError as error:
        raise SystemExit(str(error)) from error
