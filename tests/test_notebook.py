"""A study from Python: its flags, its tables, its page, and the example notebook with a real kernel."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from html import unescape
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import study
from study.errors import UsageError

ROOT = Path(__file__).parents[1]
SAMPLE = study.Study(results_dir=ROOT / "docs/sample/results", report_dir=ROOT / "docs/sample")


def test_tables_have_their_types() -> None:
    results = SAMPLE.results
    assert results.test_accuracy.between(0.1, 1).all()
    assert set(SAMPLE.contrasts.verdict) & {"better", "worse", "equivalent", "not established"}
    assert len(SAMPLE.table("rungs")) > len(results)
    with pytest.raises(UsageError, match="no table 'result'; known are results, rungs"):
        SAMPLE.table("result")


def test_the_page_travels_with_the_notebook(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text('<!doctype html><p title="a">«Отчёт» & <b>5</b></p>', encoding="utf-8")
    frame = study.Report(pdf=tmp_path / "report.pdf", page=page)._repr_html_()
    content = re.search(r'srcdoc="([^"]*)"', frame)
    assert content is not None and unescape(content[1]) == page.read_text(encoding="utf-8")
    assert "allow-same-origin" not in frame, "the page could reach the notebook"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"budget": "10 parsecs"}, "budget '10 parsecs' is not understood"),
        ({"budget": "2h", "models": "vgg12"}, "--models vgg12: known networks are"),
        ({"budget": "2h", "no_such_flag": 3}, "unrecognized arguments: --no-such-flag=3"),
        ({"budget": "2h", "dry_run": True, "extend": "1h"}, "not allowed with argument"),
    ],
)
def test_what_the_command_line_refuses_is_an_error_of_the_call(
    flags: dict[str, str], told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        study.run(results_dir=tmp_path / "r", report_dir=tmp_path / "o", **flags)
    assert not (tmp_path / "r" / "ledger.sqlite").exists()


@pytest.mark.long
def test_the_example_runs_in_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(ROOT / "docs/notebook.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert 'budget="10m"' in cells[0].source
    cells[0].source = cells[0].source.replace("10m", "90s")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    NotebookClient(
        notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    told = "".join(output.get("text", "") for output in cells[0].outputs)
    assert "report: report_out" in told and (tmp_path / "report_out/report.pdf").exists()
    table = cells[1].outputs[0].data["text/html"]
    assert table.count("<tr") >= 6 and "googlenet" in table
    assert "<iframe srcdoc=" in cells[-1].outputs[0].data["text/html"]


@pytest.mark.long
def test_an_interrupt_ends_the_study_with_its_report(tmp_path: Path) -> None:
    call = "import study; study.run(budget='10m', models='googlenet', offline=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", call],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not (tmp_path / "results/results.csv").exists():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert "Traceback" not in told.replace("study.errors.StudyError", "")
    assert (tmp_path / "results/ledger.sqlite").exists()
