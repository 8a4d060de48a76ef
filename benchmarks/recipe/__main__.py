"""`python -m benchmarks.recipe [GROUP …]` measures what is missing, then writes docs/recipe.md."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.recipe import page
from benchmarks.recipe.catalogue import GROUPS, Group
from benchmarks.recipe.pretraining import weights_of
from benchmarks.recipe.settings import TRUNK, Row, append, done, key, read
from benchmarks.recipe.training import Lab, measure
from study.data import load
from study.datasets import FASHION_MNIST
from study.networks import DEFAULT
from study.spec import Init
from study.training.runtime import detect


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.recipe", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="default: all, in order")
    parser.add_argument("--seeds", type=int, nargs="*", help="only these seeds")
    parser.add_argument("--rungs", type=int, nargs="*", help="only these rungs")
    parser.add_argument(
        "--weights",
        type=Path,
        default=Path("weights/recipe"),
        metavar="DIR",
        help="where pre-trained weights are kept",
    )
    parser.add_argument("--page", action="store_true", help="measure nothing")
    options = parser.parse_args()
    by_name = {group.name: group for group in GROUPS}
    unknown = set(options.groups) - set(by_name)
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(by_name)}")
    if not options.page:
        torch.set_num_threads(1)
        lab = Lab(fashion=load(FASHION_MNIST, offline=True), runtime=detect("cpu", "fp32"), weights={})
        torch.set_num_threads(1)
        for name in options.groups or by_name:
            fill(by_name[name], lab, options)
    page.write(read())


def fill(group: Group, lab: Lab, options: argparse.Namespace) -> None:
    """Measures the missing rows of the group."""
    for model in DEFAULT:
        needed = any(s.model == model and s.init is Init.PRETRAINED for s in group.settings)
        if needed and model not in lab.weights:
            lab.weights[model] = weights_of(model, options.weights, lab.runtime)
    for seed in group.seeds:
        if options.seeds and seed not in options.seeds:
            continue
        for setting in group.settings:
            wanted = [
                pair for pair in group.wanted(read(), seed) if not options.rungs or pair[1] in options.rungs
            ]
            mine = [pair for pair in wanted if pair[0].trunk == replace(setting, seed=seed).trunk]
            present = done(read())
            missing = [pair for pair in mine if key(*pair) not in present]
            # A cosine has a fixed length, so no two of its rungs share a training.
            batches = [missing] if setting.schedule == TRUNK else [[pair] for pair in missing]
            for pairs in batches:
                for row in measure(pairs, lab) if pairs else ():
                    append(row)
                    print(told(group, row), flush=True)
                    if group.hopeless(read(), row):
                        break


def told(group: Group, row: Row) -> str:
    s = row.setting
    return (
        f"{group.name} s{s.seed} {s.init} {s.schedule} lr={s.lr} batch={s.batch} warm={s.warm_up} "
        f"f={s.share} b2={s.beta2} {s.augmentation} ls={s.label_smoothing} ema={s.ema} n={row.samples}: "
        f"{row.accuracy:.4f} {row.loss:.3f} {row.images_per_second}/s load {row.load}"
    )


if __name__ == "__main__":
    main()
