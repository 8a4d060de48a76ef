"""The diffs of docs/extending.md apply, and what they add is met by users."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert [title for title, _ in _DIFFS] == ["A network", "A contrast", "A column"]


def test_a_network_is_one_file_and_its_text(extended: Path) -> None:
    touched = re.findall(r"^\+\+\+ b/(.*)$", dict(_DIFFS)["A network"], flags=re.MULTILINE)
    assert sum(name.endswith(".py") for name in touched) == 1
    code = (
        "import torch; from study.models import build, layer_table; from study.flags import networks;"
        "model, = networks('resnet34'); net = build(model, weights=None, resolution=32, fold=True, seed=0);"
        "print(net(torch.zeros(2, 1, 32, 32)).shape, len(layer_table(model)))"
    )
    assert _said(extended, code).split() == ["torch.Size([2,", "10])", "37"]


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
