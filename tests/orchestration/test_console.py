"""What a study prints goes on or is left out; it never ends the study."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest


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


#: A plan, live lines, outcomes of runs and the table of results, as a study prints them.
_A_STUDY = """
from study.budget import Deadline
from study.matrix import arms
from study.networks import GOOGLENET, VGG11
from study.orchestration.console import Console
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec

def record(arm, seed):
    spec = RunSpec(arm=arm, purpose=Purpose.FINAL, seed=seed, hyper=HyperParams(lr=0.01), rung=64_000)
    shares = dict(val_accuracy=0.9123, test_accuracy=0.9 + seed / 1000)
    known = dict(samples_seen=64_000, test_images=10_000, **shares)
    return RunRecord(spec=spec, state=RunState.FINISHED, **known)

records = tuple(record(arm, seed) for arm in arms((VGG11, GOOGLENET)) for seed in (1, 2, 3))
with Console(Deadline(budget=7_200, started=0, clock=lambda: 3_723.0), 2) as shown:
    shown.show_plan([
        "googlenet: 6 arms, 4 tuning trials each, then 3 seeds, up to 64,000 samples "
        "(1.19 epochs of 54,000 images)",
        "champion: the best network goes on for 30m00s and for what no whole step can use",
        "not in this budget: rung 128,000; about 11h59m59s would bring it in",
    ])
    point = EvaluationPoint(samples_seen=12_800, seconds=1, train_loss=0.512, val_accuracy=0.7654)
    shown.show(0, records[-1].spec.name, point)
    shown.tick()
    for one in records:
        shown.run_done(one, 1234.5)
    baseline = {"name": "softmax regression on pixels", "train_images": 54_000, "test_accuracy": 0.8411}
    shown.show_results(records, [baseline])
"""
_NUMBERS = (
    *("64,000", "1.19", "54,000", "30m00s", "128,000", "11h59m59s", "12,800", "0.512", "0.7654"),
    *("1234.5", "0.9123", "0.9010", "0.9030", "90.20", "90.10…90.30", "84.11", "1h02m03s", "2h00m00s"),
)


def _on_a_terminal(columns: int) -> list[str]:
    """Returns the lines that a terminal of so many columns is sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    known = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
    }
    study = subprocess.Popen(
        [sys.executable, "-c", _A_STUDY], stdout=theirs, stderr=theirs, env={**known, "TERM": "xterm"}
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        sent += part
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent.decode("utf-8"))
    assert study.wait() == 0, text
    return [line for part in text.split("\n") for line in part.split("\r")]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 160])
def test_no_line_is_longer_than_the_terminal_and_no_number_is_cut(columns: int) -> None:
    lines = _on_a_terminal(columns)
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    for number in _NUMBERS:
        assert re.search(rf"(?<![\d.,…]){re.escape(number)}(?![\d…])", text), number
    assert not re.search(r"\w…(?!\d)", text), "nothing is cut off"
    assert "discriminative" in text and "champion" in text


def test_a_wide_terminal_has_the_table_and_whole_lines() -> None:
    lines = _on_a_terminal(160)
    assert any("54,000 images)" in line and "googlenet: 6 arms" in line for line in lines)
    rows = [line for line in lines if "│" in line and "90.10…90.30" in line]
    assert len(rows) == 12 and all("64,000" in row and "90.20 %" in row for row in rows)
