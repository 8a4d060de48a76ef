"""``python -m tests.faults.rendering_study RESULTS REPORT``: the end of a study that hears signals."""

from __future__ import annotations

import sys
from pathlib import Path

from study.orchestration.options import Options
from study.orchestration.report_process import render
from study.orchestration.signals import CancelToken

if __name__ == "__main__":
    options = Options(results_dir=Path(sys.argv[1]), report_dir=Path(sys.argv[2]), lang="en")
    with CancelToken() as token:
        made = render(options, lambda: 100.0, print, draft=True)
    print(f"asked: {token.asked}\nreport: {made}")
