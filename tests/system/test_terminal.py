"""The command line where printing fails, where nobody has a home, where files are not what they seem."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.cli import main
from study.errors import StoreError, UsageError
from study.explain.picture_files import read_picture
from study.flags import networks
from study.networks import DEFAULT
from study.store.ledger import Ledger
from study.store.lock import StudyLock, lock_holder

_ROOT = Path(__file__).parents[2]


def _command(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    known = {key: value for key, value in os.environ.items() if key not in ("PYTHONUNBUFFERED", "HOME")}
    return subprocess.Popen(
        [sys.executable, str(_ROOT / "run_study.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**known, **environment},
    )


@pytest.mark.parametrize("arguments", [("doctor",), ("--help",), ("--version",)])
def test_a_reader_who_has_left_is_no_error(arguments: tuple[str, ...]) -> None:
    command = _command(*arguments)
    assert command.stdout is not None and command.stderr is not None
    command.stdout.close()
    assert command.stderr.read() == "" and command.wait() == 0


def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, str(_ROOT / "run_study.py"), "doctor"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"},
        )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


def test_a_terminal_that_is_closed_is_no_error() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what the report's process, of another session, sees
        os.execv(sys.executable, [sys.executable, str(_ROOT / "run_study.py"), "doctor"])
    assert os.read(terminal, 1), "it has begun to print"
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_home_that_is_not_there_is_no_traceback() -> None:
    command = _command("doctor", HOME="/nonexistent", TORCH_HOME="~nosuchuser/x")
    told, wrong = command.communicate()
    assert "FashionMNIST" in told and "Traceback" not in wrong


def test_a_printed_path_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["title-page", "--init", str(tmp_path / "a\nb\x1b[31m.yaml")]) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1 and "a\\nb\\x1b[31m.yaml" in told


def test_the_lock_follows_no_link_and_waits_for_no_pipe(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in ("link", "pipe"):
        (tmp_path / name).mkdir()
    (tmp_path / "link" / ".lock").symlink_to(victim)
    os.mkfifo(tmp_path / "pipe" / ".lock")
    for name in ("link", "pipe"):
        with pytest.raises(StoreError, match="is not writable"):
            StudyLock(tmp_path / name)
        assert lock_holder(tmp_path / name) is None
    assert victim.read_text() == "mine"


def test_a_pipe_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is not a file"):
        read_picture(tmp_path / "pipe")


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_wide_values_keep_their_shades(kind: type, tmp_path: Path) -> None:
    ramp = np.linspace(0, 47_000, 28 * 28).reshape(28, 28).astype(kind)
    Image.fromarray(ramp).save(tmp_path / "ramp.tiff")
    pixels = np.asarray(read_picture(tmp_path / "ramp.tiff"))
    assert len(np.unique(pixels)) > 200


def test_the_order_of_the_networks_is_no_other_study() -> None:
    assert networks("googlenet, vgg11,googlenet") == DEFAULT


def test_flags_that_would_be_ignored_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for arguments in (
        ["--weights-dir", str(tmp_path / "file"), "--results-dir", str(tmp_path / "r")],
        ["--weights-dir", str(tmp_path / "none"), "--results-dir", str(tmp_path / "r")],
        ["pretrain", "--output", str(tmp_path / "file")],
        ["status", "--data-dir", str(tmp_path)],
        ["report", "--offline"],
    ):
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_a_study_that_cannot_be_written_to_can_be_looked_at(tmp_path: Path) -> None:
    """As root every directory can be written to; a ledger is opened as where it cannot."""
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    before = path.read_bytes()
    ledger = Ledger(path, read_only=True)
    assert ledger.records() == ()
    with pytest.raises(StoreError):
        ledger.set_fact("used_seconds", 1.0)
    ledger.close()
    assert path.read_bytes() == before
