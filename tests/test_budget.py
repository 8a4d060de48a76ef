"""How a budget is written, and when its clock begins."""

from __future__ import annotations

import subprocess
import sys

import pytest

from study.budget import format_seconds, parse_budget
from study.errors import UsageError


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (("2h", "2 h", "2H", "120m", "2 hours", "2ч", "2 часа", "2:00", "2:00:00", "7200", "7200s"), 7_200),
        (
            (
                "90m",
                "90min",
                "90 min.",
                "90 мин",
                "90мин",
                "1h30m",
                "1h30min",
                "1h 30 min",
                "1h30",
                "1.5h",
                "1,5h",
                "1,5 ч",
                "1 ч 30 мин",
                "1:30",
                "1:30:00",
                "1 час 30 минут",
                "5400",
                "5400 сек",
            ),
            5_400,
        ),
        (("1d", "1 day", "24h", "1 сутки", "1д"), 86_400),
        (("1d12h", "36h", "1 день 12 часов"), 129_600),
        (("5m30", "5m30s", "5,5 мин", "0:05:30", "330"), 330),
        (("60", "1m", "1мин", "0:01"), 60),
    ],
)
def test_times_are_read_as_people_write_them(texts: tuple[str, ...], seconds: float) -> None:
    assert {text: parse_budget(text) for text in texts} == dict.fromkeys(texts, seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "h",
        "two hours",
        "2x",
        "2h2h",
        "30m2h",
        "1:70",
        "1:30:",
        "2h-30m",
        "-2h",
        "2h30s5",
        "1e3",
        "٢h",
        "2h,30m",
        "1.2.3h",
        "10 20",
        "2" * 70,
        "1:30h",
        "nan",
        "soon",
        "-5m",
        "1e9h",
        "9" * 300,
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not understood"):
        parse_budget(text)


@pytest.mark.parametrize("text", ["59", "0", "0h", "337h", "15d", "999999999", "1s"])
def test_the_range_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="outside the possible range 1m … 336h"):
        parse_budget(text)


def test_seconds_for_people() -> None:
    assert [format_seconds(s) for s in (5, 65, 3725)] == ["5s", "1m05s", "1h02m05s"]


def test_the_clock_begins_with_the_process_and_not_with_the_first_import() -> None:
    code = (
        "import time; time.sleep(1.5); from study.budget import process_started; "
        "print(time.monotonic() - process_started())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1.4 < float(done.stdout) < 30
