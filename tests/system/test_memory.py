"""The memory of a container is its limit, not the machine's."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.system.memory import memory_gb


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_the_limit_of_the_control_group_counts(name: str, tmp_path: Path) -> None:
    machine = memory_gb(tmp_path / "nowhere")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for text, expected in (("1500000000\n", 1.5), ("max\n", machine), (f"{1 << 62}\n", machine)):
        path.write_text(text)
        assert memory_gb(tmp_path) == expected
