"""Tries the command line and the values behind it: flags, budgets, specs and records from JSON."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmarks.hostile.ledger import RECORD
from benchmarks.hostile.mutation import misshapen, words
from benchmarks.hostile.target import Target
from study.budget import MAX_SECONDS, MIN_SECONDS, parse_budget
from study.cli import main, parse
from study.errors import UsageError
from study.field_types import Misshapen
from study.networks import DEFAULT
from study.records import RunRecord
from study.spec import MOST_SEED, RESOLUTIONS, StudySpec

_TIMES = st.from_regex(r"[0-9]{0,3}(\.[0-9]{1,2})?[hmsHd ]?[0-9]{0,3}[hms]?", fullmatch=True)
_VALUES = (
    words.filter(lambda text: "\0" not in text)
    | _TIMES
    | st.integers().map(str)
    | st.sampled_from(("vgg11", "vgg11,googlenet", "32", "224", "cpu", "fp32", "2h", "90m", "ru", "0"))
)
_FLAGS = (
    "--budget",
    "--extend",
    "--models",
    "--seeds",
    "--seed",
    "--resolution",
    "--device",
    "--precision",
    "--object",
    "--data-dir",
    "--results-dir",
    "--report-dir",
    "--weights-dir",
    "--init-checkpoint",
    "--title-page",
    "--lang",
    "--no-fold",
    "--flat",
    "--defence",
    "--offline",
    "--fresh",
    "--dry-run",
    "--index",
    "--unknown",
    "-x",
    "--",
)
_pairs = st.lists(st.tuples(st.sampled_from(_FLAGS), st.none() | _VALUES), max_size=5)
_ARGUMENTS = st.builds(
    lambda pairs, loose: [word for pair in pairs for word in pair if word is not None] + loose,
    _pairs,
    st.lists(_VALUES, max_size=1),
)
#: Verbs that only read; every path is below an empty folder or absent.
_VERBS = ("status", "report", "title-page")


def target(folder: Path) -> Target:
    def attempt(case: tuple[str, Any]) -> None:
        try:
            _attempt(*case)
        except SystemExit as end:  # --help and --version
            assert end.code == 0

    def _attempt(kind: str, value: Any) -> None:
        if kind == "run":
            flags = _silent(lambda: parse(["run", *value]))
            study = StudySpec(
                models=flags.models or DEFAULT,
                seed=flags.seed or 0,
                resolution=flags.resolution or RESOLUTIONS[0],
                max_seeds=flags.seeds,
            )
            assert study.seed <= MOST_SEED
            for seconds in (flags.budget, flags.extension):
                assert not seconds or MIN_SECONDS <= seconds <= MAX_SECONDS
        elif kind == "budget":
            assert MIN_SECONDS <= parse_budget(value) <= MAX_SECONDS
        elif kind == "record":
            if not isinstance(value, dict):
                raise UsageError("not an object")
            try:
                record = RunRecord.from_dict(value)
            except Misshapen as error:  # as it promises
                raise UsageError("not a record") from error
            assert RunRecord.from_dict(record.to_dict()).spec.run_id == record.spec.run_id
        else:
            _refuse(kind, value)

    def _refuse(verb: str, arguments: list[str]) -> None:
        said, shown = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
            code = main(
                [verb, *arguments, "--results-dir", str(folder / "absent")]
                if verb != "title-page"
                else [verb, *arguments]
            )
        assert code == 2, (code, shown.getvalue())
        assert said.getvalue().startswith("error: ") and said.getvalue().count("\n") == 1
        raise UsageError(said.getvalue())

    verbs = st.sampled_from(_VERBS)
    return Target(
        name="flags, budgets, specs",
        cases=st.tuples(st.just("run"), _ARGUMENTS)
        | st.tuples(st.just("budget"), _TIMES | words)
        | st.tuples(st.just("record"), misshapen(RECORD.to_dict()))
        | st.tuples(verbs, _ARGUMENTS.filter(lambda words: "--" not in words)),
        attempt=attempt,
    )


def _silent(work: Any) -> Any:
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return work()
