"""``python -m tests.faults.rendering_study RESULTS REPORT``: the end of a study that hears signals."""

from __future__ import annotations

import sys
from pathlib import Path

from study.orchestration.reporting import render
from study.orchestration.setup import Options
from study.orchestration.stopping import Stop

if __name__ == "__main__":
    options = Options(results_dir=Path(sys.argv[1]), report_dir=Path(sys.argv[2]), lang="en")
    with Stop() as stop:
        made = render(options, lambda: 100.0, print, draft=True)
    print(f"asked: {stop.asked}\nreport: {made}")
