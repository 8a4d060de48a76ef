"""The diffs of docs/extending.md apply, and what they add is met by users."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from study.report.form_check.pdf import read_pdf

_ROOT = Path(__file__).parents[1]
_PAGE = (_ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
_DIFFS = re.findall(r"^## (.+?)$.*?^```diff\n(.*?)^```$", _PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package to which every diff of the page was applied."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(_ROOT / "study", folder / "study", ignore=shutil.ignore_patterns("__pycache__"))
    for _, diff in _DIFFS:
        subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=folder, check=True)
    return folder


def _said(folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_has_a_diff_for_each_kind() -> None:
    assert [title for title, _ in _DIFFS] == ["A network", "A data set", "A contrast", "A column"]


def test_a_network_is_one_file_and_its_text(extended: Path) -> None:
    touched = re.findall(r"^\+\+\+ b/(.*)$", dict(_DIFFS)["A network"], flags=re.MULTILINE)
    assert sum(name.endswith(".py") for name in touched) == 1
    code = (
        "import torch; from study.models import build, layer_table; from study.flags import networks;"
        "model, = networks('resnet34'); net = build(model, weights=None, resolution=32, fold=True, seed=0);"
        "print(net(torch.zeros(2, 1, 32, 32)).shape, len(layer_table(model)))"
    )
    assert _said(extended, code).split() == ["torch.Size([2,", "10])", "37"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with idx files of scikit-learn's digits 0 to 4: 701 training and 200 test images, 8×8."""
    from sklearn.datasets import load_digits

    folder, known = tmp_path_factory.mktemp("digits"), load_digits()
    few = known.target < 5
    images, labels = (15 * known.images[few]).astype(np.uint8), known.target[few].astype(np.uint8)
    for prefix, part in (("train", slice(0, 701)), ("t10k", slice(701, 901))):
        count = len(labels[part])
        for kind, content in (
            ("images-idx3", struct.pack(">4I", 2051, count, 8, 8) + images[part].tobytes()),
            ("labels-idx1", struct.pack(">2I", 2049, count) + labels[part].tobytes()),
        ):
            (folder / f"{prefix}-{kind}-ubyte").write_bytes(content)
    return folder


def test_a_data_set_is_one_file_and_its_words(extended: Path, digits: Path) -> None:
    touched = re.findall(r"^\+\+\+ b/(.*)$", dict(_DIFFS)["A data set"], flags=re.MULTILINE)
    assert sum(name.endswith(".py") for name in touched) == 1 and len(touched) == 3
    code = f"""
from pathlib import Path
from study.data import load
from study.matrix import arms
from study.networks import GOOGLENET
from study.planning.plan import run_spec
from study.report.locale.messages import read_words
from study.spec import Init, Purpose, Scope, StudySpec
from study.training.run import run
from study.training.runtime import detect
from study.training.workshop import Workshop

study = StudySpec(models=(GOOGLENET,), dataset="digits5")
images = load(study.data, Path({str(digits)!r}))
shop = Workshop(images=images, runtime=detect("cpu", "fp32"), weights={{}}, folder=Path("results"))
arm = next(arm for arm in arms((GOOGLENET,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FROZEN))
outcome = run(run_spec(arm, study, purpose=Purpose.FINAL, number=0, rung=64), shop)
record = outcome.record
print(record.state.value, record.reason, record.validation_images, *outcome.test_probabilities.shape)
print(record.spec.dataset, record.spec.recipe.flip)
print(*(read_words(lang, dataset=study.data).classes[4] for lang in ("en", "ru")))
"""
    assert _said(extended, code).split() == (
        ["finished", "101", "200", "5", "digits5", "0.0", "Four", "Четыре"]
    )


@pytest.mark.long
def test_a_study_of_an_added_data_set_runs_to_its_report(
    extended: Path, digits: Path, tmp_path: Path
) -> None:
    """The whole command on another data set, with the added network, contrast and column at hand."""

    def study(*arguments: str) -> str:
        command = [sys.executable, "-m", "study", *arguments]
        done = subprocess.run(command, cwd=extended, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    data = ("--data-dir", str(digits))
    places = ("--results-dir", str(tmp_path / "results"), "--report-dir", str(tmp_path / "report_out"))
    few = ("--models", "googlenet", "--offline", "--workers", "2", "--budget", "60s", "--lang", "en")
    told = study("--dataset", "digits5", *data, *few, *places)
    assert "Digits5 from data-dir:idx" in told
    pages = read_pdf(tmp_path / "report_out" / "report.pdf").pages
    text = " ".join(line.text for page in pages for line in page.lines)
    assert "Digits5" in text and "five classes" in text and "of a handwritten digit" in text
    assert not re.search("fashion|cloth|garment|ten classes", text, re.IGNORECASE)
    assert ": valid (" in study("verify", str(tmp_path), *data)
    assert ",finished,600.0," in (tmp_path / "results" / "rungs.csv").read_text(encoding="utf-8")


def test_a_contrast_is_one_entry_and_its_name(extended: Path) -> None:
    touched = re.findall(r"^\+\+\+ b/(.*)$", dict(_DIFFS)["A contrast"], flags=re.MULTILINE)
    assert sum(name.endswith(".py") for name in touched) == 1
    results = _ROOT / "docs" / "sample" / "results"
    code = (
        "from pathlib import Path; from study.analysis import analyse;"
        f"found = analyse(Path({str(results)!r}));"
        "table = found.contrasts[found.contrasts['name'] == 'init@layerwise'];"
        "print(len(table), table['p_value'].notna().all(), 'q2.init_layerwise.vgg11' in found.by_id())"
    )
    assert _said(extended, code).split() == ["3", "True", "True"]


def test_a_column_is_one_entry(extended: Path) -> None:
    touched = re.findall(r"^\+\+\+ b/(.*)$", dict(_DIFFS)["A column"], flags=re.MULTILINE)
    assert touched == ["study/store/columns.py"]
    code = (
        "from study.store.tables import RESULT_COLUMNS, RUNG_COLUMNS;"
        "print(*RESULT_COLUMNS, '|', *RUNG_COLUMNS)"
    )
    results, rungs = _said(extended, code).split("|")
    assert "steps" in results.split() and "steps" not in rungs.split()
