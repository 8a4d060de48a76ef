"""Writes the table of docs/reliability.md from benchmarks/out/chaos.json."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from benchmarks.page import replace_block


def publish(result: dict[str, dict[str, Any]], docs: Path) -> None:
    replace_block(docs / "reliability.md", "chaos", table(result))


def table(result: dict[str, dict[str, Any]]) -> str:
    lines = ["| what was done | times | went wrong | figures |", "|---|---:|---:|---|"]
    for row in result.values():
        lines.append(f"| {row['name']} | {row['tried']} | {len(row['faults'])} | {_figures(row)} |")
    return "\n".join(lines)


def _figures(row: dict[str, Any]) -> str:
    parts = []
    if "studies" in row:
        parts.append(f"{row['studies']} studies to their end")
    if "lost_or_doubled" in row:
        parts.append(f"{row['lost_or_doubled']} results lost or doubled")
    if "after_commits" in row:
        parts.append(f"{row['after_commits']} kills after commits of the same start")
    if "repairs" in row:
        parts.append(f"{row['repairs']} manual repairs")
    if "boundaries" in row:
        counts = row["boundaries"].values()
        parts.append(f"{len(counts)} boundaries, {min(counts)}–{max(counts)} kills each")
    if "cut_checkpoints" in row:
        parts.append(f"{row['cut_checkpoints']} kills cut a checkpoint off while it was written")
    if row.get("exit_seconds"):
        seconds = row["exit_seconds"]
        parts.append(f"seconds to exit: median {statistics.median(seconds):.1f}, most {max(seconds):.1f}")
    if row.get("shares"):
        least, middle, most = (f(row["shares"]) for f in (min, statistics.median, max))
        parts.append(f"share of the budget used: least {least:.1%}, median {middle:.1%}, most {most:.1%}")
    if "looks_for_listening_sockets" in row:
        parts.append(
            f"{row['listening_sockets']} listening sockets in {row['looks_for_listening_sockets']} looks"
        )
    if "runs" in row:
        parts.append(f"{row['runs']} runs committed")
    return "; ".join(parts)
