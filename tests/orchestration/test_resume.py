"""A study killed without warning goes on where it was, inside a run: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_study import LEAST, MODEL, Study, measured, opened

from study.cli import main
from study.data import LabelledImages
from study.orchestration.phases.champion import champion
from study.orchestration.phases.seeds import chains
from study.orchestration.scheduler import Unit
from study.orchestration.status import status
from study.planning.plan import Step
from study.records import RunState
from study.spec import Purpose, Scope
from study.store.lock import lock_holder
from study.training.checkpoint import trunk
from study.training.schedule import branch_point

pytestmark = [pytest.mark.xdist_group("time"), pytest.mark.long]


def _step(study: Study, rung: int) -> None:
    study.scheduler.run(chains(study.context, study.lifecycle, Step(models=(MODEL,), seeds=1, rung=rung)))


def test_trunks_go_on_from_their_checkpoints_at_the_next_rung(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    """The study is ended in between; what it makes then is what an unbroken one makes."""
    with opened(tmp_path / "whole", fashion, workers=2) as study:
        _step(study, 2 * LEAST)
        unbroken = {record.spec.key: measured(record) for record in study.records}
    with opened(tmp_path / "ended", fashion, workers=2) as study:
        _step(study, LEAST)
        full = next(r for r in study.records if r.spec.arm.scope is Scope.FULL)
    kept = trunk(tmp_path / "ended", full.spec.run_id)
    assert kept.samples_seen() == branch_point(full.spec) > 0
    with opened(tmp_path / "ended", fashion, workers=2) as study:
        study.lifecycle.sweep()
        _step(study, 2 * LEAST)
        assert {record.spec.key: measured(record) for record in study.records} == unbroken
        later = study.context.ledger.record(full.spec.run_id, 2 * LEAST)
        assert later is not None and 0 < later.step_seconds < later.train_seconds, "not trained anew"
        assert kept.samples_seen() == branch_point(later.spec)


def test_a_champion_that_was_killed_goes_on(tmp_path: Path, fashion: LabelledImages) -> None:
    def reached(study: Study, spec: Any) -> int:
        return trunk(tmp_path, spec.run_id).samples_seen()

    with opened(tmp_path, fashion, workers=1) as study:
        _step(study, LEAST)
        source = next(r for r in study.records if r.spec.arm.scope is Scope.FULL)
    with opened(tmp_path, fashion, workers=2, budget=600.0, checkpoint_seconds=0.3) as study:
        units: list[Unit] = []
        made = study.lifecycle.champion

        def noted(*given: Any, **named: Any) -> Unit:
            units.append(made(*given, **named))
            return units[-1]

        def kill() -> None:
            spec = units[0].task.spec  # type: ignore[attr-defined]
            if reached(study, spec) > source.spec.rung:
                raise KeyboardInterrupt  # as little is said or kept as of a process that is gone

        object.__setattr__(study.lifecycle, "champion", noted)
        study.scheduler.on_tick.append(kill)
        with pytest.raises(KeyboardInterrupt):
            champion(study.context, *study.work)
        begun = units[0].task.spec  # type: ignore[attr-defined]
    before = reached(study, begun)
    assert before > source.spec.rung
    with opened(tmp_path, fashion, workers=2, budget=90.0) as study:
        study.lifecycle.sweep()
        assert reached(study, begun) == before
        champion(study.context, *study.work)
        (record,) = (r for r in study.records if r.spec.purpose is Purpose.CHAMPION)
        assert record.state is RunState.FINISHED, record.reason
        assert record.spec.run_id == begun.run_id
        assert record.samples_seen == record.spec.rung > before
        assert record.test_images == 10_000
        seen = [point.samples_seen for point in record.history]
        assert seen == sorted(set(seen)) and seen[-1] == record.samples_seen


FLAGS = ("--models", "googlenet", "--offline", "--workers", "2")


def _command(folder: Path, budget: str, *more: str) -> list[str]:
    return [
        *FLAGS,
        "--results-dir",
        str(folder / "r"),
        "--report-dir",
        str(folder / "o"),
        "--budget",
        budget,
        *more,
    ]


def _begin(arguments: list[str]) -> subprocess.Popen[bytes]:
    """A study that keeps checkpoints every half second; in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.orchestration.frequent", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=os.setpgrp,
    )


@pytest.mark.parametrize("whom", ["coordinator", "group"])
def test_a_killed_study_keeps_its_runs_and_finishes(tmp_path: Path, whom: str) -> None:
    results, arguments = tmp_path / "r", _command(tmp_path, "150s", "--seeds", "1")
    first = _begin(arguments)
    before = _wait_for_a_run(results / "ledger.sqlite")
    cut_off = _wait_for_a_checkpoint(results / "checkpoints" / "unfinished", before)
    workers = [
        pid
        for task in Path(f"/proc/{first.pid}/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]
    if whom == "group":
        os.killpg(first.pid, signal.SIGKILL)
    else:
        os.kill(first.pid, signal.SIGKILL)
    first.wait()
    _wait_for_the_end_of(workers)
    assert lock_holder(results) is None
    assert any(line.endswith(", cut off") for line in status(results))
    before = _committed(results / "ledger.sqlite")

    second = subprocess.run(
        [sys.executable, "run_study.py", *arguments], capture_output=True, text=True, timeout=400
    )

    assert second.returncode == 0, second.stderr
    after = _committed(results / "ledger.sqlite")
    assert before.items() <= after.items(), "a committed result is never lost or made anew"
    tables = [pd.read_csv(results / name) for name in ("rungs.csv", "trials.csv")]
    runs = pd.concat([table[table["state"] != "skipped"] for table in tables])
    assert not runs.duplicated(["run_id", "rung"]).any()
    assert set(pd.read_csv(results / "results.csv").query("role == 'matrix'")["model"]) == {"googlenet"}
    cut = [record for (run_id, _), record in after.items() if run_id == cut_off]
    assert cut and any(json.loads(record)["state"] == "finished" for record in cut)
    events = json.loads((results / "environment.json").read_text())["events"]
    told = [event["detail"] for event in events if event["kind"] == "run_resumed"]
    assert any(text.startswith(cut_off) and ": taken up after " in text for text in told)
    assert not list((results / "checkpoints" / "unfinished").glob("*.part"))
    copies = list((results / "checkpoints" / "unfinished").glob("*-c[0-9]*.pt"))
    assert not copies, "no cooling copy is left"
    assert (tmp_path / "o" / "report.pdf").is_file()
    plan = json.loads((results / "plan.json").read_text())
    assert plan["used_seconds"] <= plan["budget_seconds"] == 150
    assert main(["--budget", "60s", "--models", "vgg11", "--results-dir", str(results)]) == 2


def test_a_study_killed_in_its_pretraining_goes_on(tmp_path: Path) -> None:
    """Half-made weights are nobody's: they are made once more, in the seconds that are left."""
    results = tmp_path / "r"
    used = []
    for end in (signal.SIGKILL, signal.SIGTERM):
        study = _begin(_command(tmp_path, "30m"))
        _wait_for(
            lambda: any(
                line.startswith("now: pre-training googlenet, since ") and "cut off" not in line
                for line in _status(results)
            ),
            study,
        )
        time.sleep(3)
        assert study.poll() is None
        began = time.monotonic()
        os.killpg(study.pid, end)
        code = study.wait(60)
        with sqlite3.connect(results / "ledger.sqlite") as db:
            rows = db.execute("SELECT name, value FROM facts")
            facts = {name: json.loads(value) for name, value in rows}
        used.append(facts["used_seconds"])
        if end is signal.SIGKILL:
            assert code == -signal.SIGKILL
            assert not facts.get("pretraining")
            assert any(
                "pre-training googlenet" in line and line.endswith("cut off") for line in status(results)
            )
        else:
            assert code == 0 and time.monotonic() - began < 20
            entry = facts["pretraining"]["googlenet"]
            assert (entry["reason"], entry["sha256"]) == ("stopped by the user", "")
            assert (tmp_path / "o" / "report.pdf").is_file()
        assert not list((results / "checkpoints").glob("*.pth"))
    assert 0 < used[0] < used[1]


def _status(results: Path) -> list[str]:
    try:
        return status(results)
    except Exception:  # not begun yet
        return []


def _wait_for(what: Any, study: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end and study.poll() is None, "it never came to that"
        time.sleep(0.2)


def _wait_for_the_end_of(pids: list[str]) -> None:
    """A coordinator that is gone leaves no process that goes on writing."""
    assert len(pids) >= 2, "two workers and what starts them"
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, f"still there: {pids}"
        time.sleep(0.1)


def _wait_for_a_checkpoint(folder: Path, done: dict[tuple[str, int], str]) -> str:
    """The run_id of the first whole checkpoint of another run."""
    end, known = time.monotonic() + 60, {run_id for run_id, _ in done}
    while time.monotonic() < end:
        for path in folder.glob("*.pt.sha256"):
            run_id = re.sub(r"-c\d+$", "", path.name.split(".")[0])  # of a copy that cools down too
            if run_id not in known:
                return run_id
        time.sleep(0.02)
    raise AssertionError("no run was kept")


def _committed(ledger: Path) -> dict[tuple[str, int], str]:
    with sqlite3.connect(ledger) as db:
        rows = db.execute("SELECT run_id, rung, record FROM runs")
        return {(run_id, rung): text for run_id, rung, text in rows}


def _wait_for_a_run(ledger: Path) -> dict[tuple[str, int], str]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if ledger.is_file():
            try:
                rows = _committed(ledger)
            except sqlite3.OperationalError:
                rows = {}
            if rows:
                return rows
        time.sleep(0.1)
    raise AssertionError("no run was committed")
