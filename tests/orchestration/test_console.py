"""What a study prints goes on or is left out; it never ends the study."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_reader_who_leaves_does_not_end_the_study(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from study.budget import Deadline\n"
        "from study.orchestration.console import Console\n"
        "with Console(Deadline(budget=1, started=0), 2) as console:\n"
        "    for number in range(20_000):\n"
        "        console.say(f'line {number}')\n"
        "Path(sys.argv[1]).write_text('went on')\n"
    )
    marker = tmp_path / "marker"
    study = subprocess.Popen([sys.executable, "-c", script, str(marker)], stdout=subprocess.PIPE)
    assert study.stdout is not None
    assert study.stdout.readline() == b"line 0\n"
    study.stdout.close()
    assert study.wait(60) == 0
    assert marker.read_text() == "went on"


_ON_A_TERMINAL = """
import io
import rich.console
from study.budget import Deadline
from study.orchestration import console as module
from study.records import EvaluationPoint

out = io.StringIO()
module._Plain = lambda **rest: rich.console.Console(file=out, force_terminal=True, width=160)
deadline = Deadline(budget=100, started=0, clock=lambda: 30.0)
with module.Console(deadline, 2) as shown:
    point = EvaluationPoint(samples_seen=12_800, seconds=1, train_loss=0.5, val_accuracy=0.75)
    shown.show(0, "vgg11 @ 4,000", point)
    shown.show(1, "googlenet @ 2,000", None)
    shown.show(7, "a worker that has no line", None)
    shown.show(1, "", None)
    shown.tick()
text = out.getvalue()
assert "vgg11 @ 4,000: 12,800 samples, loss 0.500, validation 0.7500" in text, text
assert "worker 1" in text and "30s / 1m40s" in text, text
assert "no line" not in text, text
"""


def test_a_terminal_has_a_line_for_each_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_TERMINAL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
