"""The wheel, installed into an empty environment, runs from any directory."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from study import __version__

ROOT = Path(__file__).parents[1]
#: What a wheel is built from.
SOURCES = ("study", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command. The requirements come from the environment of the tests, to save minutes."""
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)], source)
    (wheel,) = folder.glob("*.whl")
    assert wheel.name.startswith(f"pretraining_study-{__version__}-")
    _run([sys.executable, "-m", "venv", "--without-pip", "empty"], folder)
    python = folder / "empty" / "bin" / "python"
    (packages,) = (folder / "empty").glob("lib/*/site-packages")
    (packages / "requirements.pth").write_text("\n".join(site.getsitepackages()))
    _run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            str(wheel),
        ],
        folder,
    )
    return python.with_name("pretraining-study")


def _run(arguments: list[str], folder: Path) -> str:
    """Runs a command in `folder` without the repository in its path; returns what it printed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout


def test_the_verbs_run_from_another_directory(command: Path, tmp_path: Path) -> None:
    assert _run([str(command), "--version"], tmp_path).strip() == __version__
    assert "usage: pretraining-study " in _run([str(command), "--help"], tmp_path)
    assert "FashionMNIST" in _run([str(command), "doctor"], tmp_path)
    _run([str(command), "title-page", "--init"], tmp_path)
    assert (tmp_path / "title_page.yaml").is_file(), "an example among the templates of the wheel"


@pytest.mark.long
def test_a_study_of_90_seconds_leaves_its_report(command: Path, tmp_path: Path) -> None:
    _run([str(command), "--budget", "90s", "--models", "googlenet", "--offline"], tmp_path)
    assert (tmp_path / "report_out" / "report.pdf").is_file(), "by a process of its own"
    assert len(pd.read_csv(tmp_path / "results" / "results.csv")) >= 6


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The repository's command in a folder of its own, and a Python without any package."""
    shutil.copy(ROOT / "run_study.py", tmp_path)
    (tmp_path / "study").symlink_to(ROOT / "study")
    _run([sys.executable, "-m", "venv", "--without-pip", "bare"], tmp_path)
    return tmp_path / "bare" / "bin" / "python"


def test_another_python_goes_on_in_the_environment_that_make_has_made(bare: Path, tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    assert _run([str(bare), "run_study.py", "--version"], tmp_path).strip() == __version__
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "FashionMNIST" in _run([str(bare), str(tmp_path / "run_study.py"), "doctor"], elsewhere)


def test_without_an_environment_one_line_says_what_to_do(bare: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [bare, "run_study.py", "doctor"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ") and "lacks torch" in done.stderr
    assert "make study" in done.stderr
