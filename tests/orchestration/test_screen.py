"""What a study prints goes on or is left out; it never ends the study."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_reader_who_leaves_does_not_end_the_study(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from study.budget import Deadline\n"
        "from study.orchestration.screen import Screen\n"
        "with Screen(Deadline(budget=1, started=0)) as screen:\n"
        "    for number in range(20_000):\n"
        "        screen.say(f'line {number}')\n"
        "Path(sys.argv[1]).write_text('went on')\n"
    )
    marker = tmp_path / "marker"
    study = subprocess.Popen([sys.executable, "-c", script, str(marker)], stdout=subprocess.PIPE)
    assert study.stdout is not None
    assert study.stdout.readline() == b"line 0\n"
    study.stdout.close()
    assert study.wait(60) == 0
    assert marker.read_text() == "went on"
