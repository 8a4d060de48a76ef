"""Results that nobody may write to are read, reported elsewhere and predicted from, and stay as they are.

The commands run without the privilege by which root writes everywhere.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.hostile.results import small_results
from study.models import build, save_checkpoint, unfolded_state_dict
from study.networks import GOOGLENET
from study.store.ledger import Ledger

ROOT = Path(__file__).parents[2]
_PR_CAPBSET_DROP = 24
#: Of Linux: to change owners, to ignore modes when writing or reading, and to act as the owner.
_CAPABILITIES = (0, 1, 2, 3)
_KILLED = (
    "import os, sys; from pathlib import Path; from study.store.ledger import Ledger\n"
    "Ledger(Path(sys.argv[1]) / 'ledger.sqlite').set_fact('used_seconds', 61.0); os._exit(9)"
)


def _drop() -> None:
    libc = ctypes.CDLL(None)
    for capability in _CAPABILITIES:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=_drop
    )


def _study(*arguments: str | Path) -> str:
    done = _run("run_study.py", *map(str, arguments))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return done.stdout


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, from which a test takes the permission to write (`_lock`)."""
    folder = tmp_path / "results"
    folder.mkdir()
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)


def _lock(folder: Path) -> dict[str, bytes]:
    """Forbids writing and returns all content."""
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if _run("-c", f"open({str(folder / 'x')!r}, 'w')").returncode == 0:
        (folder / "x").unlink()
        pytest.skip("this process may write everywhere and cannot give that up")
    return _content(folder)


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("left", ["nothing", "-wal and -shm", "-wal", "-journal"])
def test_the_state_of_a_study_is_told(left: str, results: Path) -> None:
    """After a kill the last commits lie beside the ledger, where SQLite wants to write to read them."""
    path = results / "ledger.sqlite"
    if left in ("nothing", "-journal"):
        ledger = Ledger(path)
        ledger.set_fact("used_seconds", 61.0)
        ledger.close()
        if left == "-journal":
            _leave_a_journal(path)
    else:
        subprocess.run([sys.executable, "-c", _KILLED, str(results)], cwd=ROOT, check=False)
        assert (results / "ledger.sqlite-wal").stat().st_size
        if left == "-wal":
            (results / "ledger.sqlite-shm").unlink()
    before = _lock(results)
    assert ("ledger.sqlite-journal" in before) == (left == "-journal")
    assert _study("status", "--results-dir", results).startswith("used 1m01s of ")
    assert _content(results) == before


def _leave_a_journal(path: Path) -> None:
    """Leaves a transaction that a killed writer began, which a reader has to take back."""
    script = (
        "import os, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode=DELETE'); db.execute('PRAGMA cache_size=1')\n"
        "db.execute('BEGIN IMMEDIATE'); db.execute('UPDATE facts SET value=5')\n"
        "db.execute('PRAGMA cache_spill=ON')\n"
        "for number in range(2000):\n"
        "    db.execute('INSERT INTO facts VALUES (?, ?)', (str(number), 'x' * 500))\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.with_name("ledger.sqlite-journal").stat().st_size


def test_a_report_is_made_elsewhere(tmp_path: Path) -> None:
    results, out = small_results(tmp_path / "results"), tmp_path / "out"
    before = _lock(results)
    told = _study("report", "--draft", "--results-dir", results, "--report-dir", out)
    assert f"cannot write {results / 'contrasts.csv'}: permission denied; the report is made" in told
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert _content(results) == before
    for path in (results, *results.rglob("*")):
        path.chmod(0o755)


def test_the_champion_answers(results: Path, tmp_path: Path) -> None:
    network = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0)
    meta = {"model": "googlenet", "resolution": 32}
    save_checkpoint(results / "checkpoints" / "champion.pth", unfolded_state_dict(network), meta)
    picture = Image.new("L", (60, 60))
    picture.paste(200, (20, 10, 40, 50))
    picture.save(tmp_path / "p.png")
    before = _lock(results)
    told = _study("predict", tmp_path / "p.png", "--results-dir", results)
    assert told.startswith("champion (googlenet): ")
    assert _content(results) == before


def test_a_study_is_refused_there_in_one_line(results: Path, tmp_path: Path) -> None:
    _lock(results)
    done = _run("run_study.py", "--offline", f"--results-dir={results}", f"--report-dir={tmp_path / 'o'}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"results directory {results} is not writable: Permission denied" in done.stderr
    assert os.listdir(results) == []
