"""Settings of the user's own programs change no figure and break nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.flags import path

ROOT = Path(__file__).parents[2]
#: Draws a figure as the report does and prints it.
_DRAW = """
import warnings
from study.system.terminal import prepare
prepare()
from study.report.figures.plotted import Plotted
from study.report.figures.style import canvas, look, svg
with look():
    figure, (axes,) = canvas(2.0)
    axes.plot([1, 2, 3], [2.5, 1.5, 3.5], label="x")
    axes.legend()
    print(svg(figure, Plotted("x")).data.decode())
warnings.warn("of a library")
"""
#: What notebooks, plotting habits and strict developers leave behind.
_SURROUNDINGS = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONWARNINGS": "error",
    "QT_QPA_PLATFORM": "nowhere",
    "LC_ALL": "C",
    "PYTHONIOENCODING": "ascii",
}
_MATPLOTLIBRC = "axes.facecolor: red\nlines.linewidth: 9\nfont.size: 30\naxes.formatter.use_locale: True\n"


def _drawn(folder: Path, **environment: str) -> str:
    known = {key: value for key, value in os.environ.items() if key not in _SURROUNDINGS}
    done = subprocess.run(
        [sys.executable, "-c", _DRAW],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**known, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_figure_is_the_same_whatever_the_user_has_set(tmp_path: Path) -> None:
    plain = _drawn(tmp_path)
    (tmp_path / "matplotlibrc").write_text(_MATPLOTLIBRC)
    assert plain.count("<path") > 5 and _drawn(tmp_path, **_SURROUNDINGS) == plain


def test_a_tilde_after_an_equals_sign_is_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert path("~/x") == Path("/somewhere/x") and path("x~") == Path("x~")
