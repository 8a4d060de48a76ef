"""Opens the ledger of a study and describes the machine for the report."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from study import __version__
from study.analysis.registration import rules
from study.data import LabelledImages
from study.data.own_set import keep
from study.datasets import is_own
from study.datasets.own import FOLDER
from study.errors import StoreError, UsageError
from study.orchestration.options import Options
from study.orchestration.settings import SETTINGS, require_same
from study.planning.plan import LADDER, TRIALS
from study.spec import StudySpec
from study.store.files import remove_parts
from study.store.ledger import LEDGER, Ledger
from study.system.memory import memory_gb
from study.training.defaults import recipe_for
from study.training.runtime import Runtime

#: Folders below the results directory that the study writes to.
_WRITTEN = ("", "checkpoints", "artifacts", "artifacts/runs", FOLDER)
_PACKAGES = ("torch", "torchvision", "optuna", "pandas", "weasyprint")


def open_ledger(study: StudySpec, options: Options) -> Ledger:
    """Opens the ledger; resumes an older study, or moves it aside if `options.fresh` asks for it.

    The caller must hold the lock of the results directory.

    Raises:
        UsageError: the directory holds a study with other settings, or tables without a ledger.
        StoreError: the directory is not writable, or the ledger is damaged.
    """
    path = options.results_dir / LEDGER
    if options.fresh:
        if path.exists() or has_tables(options.results_dir):
            _move_aside(options.results_dir)
    else:
        require_ledger(options.results_dir)
    remove_parts(*(options.results_dir / name for name in _WRITTEN))
    ledger = Ledger(path)
    require_same(ledger, study, options.results_dir)
    ledger.require_sound()
    if options.images is not None and is_own(study.dataset):
        keep(options.images, options.results_dir, options.data_look)  # before a start can find its name
    ledger.set_fact(SETTINGS, study.to_dict())
    return ledger


def has_tables(folder: Path) -> bool:
    return (folder / "results.csv").exists()


def require_ledger(folder: Path) -> None:
    """Raises UsageError if the folder holds tables without a ledger, which a study would overwrite."""
    if has_tables(folder) and not (folder / LEDGER).exists():
        raise UsageError(
            f"{folder} holds results without the ledger of their study; use --fresh (they are moved "
            "aside, not deleted) or another --results-dir"
        )


def _move_aside(folder: Path) -> None:
    try:
        folder = folder.resolve()  # "." has no name to append the time to
        target = folder.with_name(f"{folder.name}-{time.strftime('%Y%m%d-%H%M%S')}")
        target.mkdir()
        if (folder / LEDGER).exists():
            with suppress(StoreError):
                Ledger(folder / LEDGER).close()  # moves commits from the write-ahead log into the file
        # The ledger moves last: while it exists, the same command completes a move that was killed.
        for item in sorted(folder.iterdir(), key=lambda item: item.name.startswith(LEDGER)):
            if item.name not in (".lock", ".gitkeep"):
                shutil.move(str(item), target / item.name)
    except (OSError, ValueError) as error:  # ValueError: a root directory has no name
        raise StoreError(f"cannot move {folder} aside: {error}") from error


def machine_change(before: dict[str, Any], runtime: Runtime) -> str:
    """Describes how machine and PyTorch differ from those at the start; empty if they are the same."""
    then = (before.get("device_name"), before.get("threads"), before.get("torch"))
    now = (runtime.device_name, runtime.threads, importlib.metadata.version("torch"))
    told = ["{}, {} threads, torch {}".format(*machine) for machine in (then, now)]
    return "" if then == now else " → ".join(told)


def registration(study: StudySpec) -> dict[str, Any]:
    """Returns the content of preregistration.json: what is declared before the first evaluation."""
    return {
        "study": study.to_dict(),
        "study_version": __version__,
        "seeds": "the study's seed times 100,000 plus 1, 2, 3, …, in this order",
        "rungs_and_seeds": [list(step) for step in LADDER],
        "trials": list(TRIALS),
        "chosen_by": "validation accuracy; no plan, selection or stop depends on test images",
        "recipe": asdict(recipe_for(study.data)),
        "rules": rules(study.models),
        "registered": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }


def environment(
    study: StudySpec, runtime: Runtime, images: LabelledImages, workers: int, *, registered: str
) -> dict[str, Any]:
    """Returns the content of environment.json: machine, versions and data.

    Args:
        registered: SHA-256 of the registration.
    """
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        **versions,
        "device": runtime.device.type,
        "device_name": runtime.device_name,
        "threads": runtime.threads,
        "workers": workers,
        "precision": runtime.precision.value,
        "memory_gb": round(memory_gb(), 1),
        "commit": _commit(),
        "study_version": __version__,
        "seed": study.seed,
        "preregistration": registered,
        "dataset": {
            "name": images.data.name,
            "source": images.source,
            "sha256": images.sha256,
            "train_images": images.data.train_images,
            "validation_images": images.data.validation_images,
            "test_images": images.data.test_images,
        },
        "weights": {},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "finished": None,
    }


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
