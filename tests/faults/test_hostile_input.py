"""Some cases of every target of `benchmarks.hostile`: refused in words or accepted, never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from benchmarks.hostile import TARGETS, report, results
from benchmarks.hostile.target import quiet
from study.errors import StudyError

#: About four seconds each.
CASES = {results.target: 60, report.target: 2}


@pytest.mark.parametrize("make", TARGETS, ids=lambda make: make.__module__.rpartition(".")[2])
def test_hostile_input_is_refused_in_words(make: Any, tmp_path: Path) -> None:
    target = make(tmp_path)

    @quiet(CASES.get(make, 250))
    @given(target.cases)
    def attempt(case: Any) -> None:
        try:
            target.attempt(case)
        except StudyError as error:
            assert str(error)

    attempt()
