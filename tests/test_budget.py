"""When the clock of a budget begins."""

from __future__ import annotations

import subprocess
import sys


def test_the_clock_begins_with_the_process_and_not_with_the_first_import() -> None:
    code = (
        "import time; time.sleep(1.5); from study.budget import process_started; "
        "print(time.monotonic() - process_started())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1.4 < float(done.stdout) < 30
