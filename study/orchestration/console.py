"""Prints the plan, a progress bar, one line per worker, and results to the terminal."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any

import rich.console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from study.budget import Deadline, format_seconds
from study.records import EvaluationPoint, RunRecord
from study.store.tables import champion, highest


class _Plain(rich.console.Console):
    """A console that ignores a closed pipe, so that the study continues."""

    def on_broken_pipe(self) -> None:
        with suppress(SystemExit):
            super().on_broken_pipe()


class Console:
    """Shows a live bar and the workers' runs on a terminal, and plain lines elsewhere."""

    def __init__(self, deadline: Deadline, workers: int = 0) -> None:
        """Creates the console.

        Args:
            deadline: of the study; the bar shows its progress.
            workers: number of lines below the bar.
        """
        self._out = _Plain(highlight=False)
        if not self._out.is_terminal:
            self._out.width = 120
        self._deadline, self._workers = deadline, workers
        self._bar: Progress | None = None
        self._clock: TaskID | None = None
        self._lines: list[TaskID] = []

    def __enter__(self) -> Console:
        if self._out.is_terminal:
            self._bar = Progress(
                TextColumn("{task.fields[label]}"),
                BarColumn(bar_width=32),
                TextColumn("{task.description}"),
                console=self._out,
            )
            self._clock = self._bar.add_task("", total=self._deadline.budget, label="")
            self._lines = [
                self._bar.add_task("", total=1, visible=False, label=f"worker {place + 1}")
                for place in range(self._workers)
            ]
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Prints a line; a long one is not cut, so that a path in it can be copied."""
        self._out.print(text, markup=False, soft_wrap=True)

    def tick(self, text: str = "") -> None:
        """Updates the bar."""
        if self._bar is not None and self._clock is not None:
            used = self._deadline.used()
            label = f"{format_seconds(used)} / {format_seconds(self._deadline.budget)}"
            self._bar.update(self._clock, completed=used, description=text, label=label)

    def show(self, worker: int, label: str, point: EvaluationPoint | None) -> None:
        """Shows the task of a worker; an empty label hides its line."""
        self.tick()
        if self._bar is None or worker >= len(self._lines):
            return
        told = label
        if point is not None:
            told += f": {point.samples_seen:,} samples, loss {point.train_loss:.3f}"
            if point.val_accuracy is not None:
                told += f", validation {point.val_accuracy:.4f}"
        self._bar.update(self._lines[worker], description=told, visible=bool(label), completed=0)

    def show_plan(self, lines: list[str]) -> None:
        """Prints the plan."""
        self.say("Plan")
        for line in lines:
            self.say(f"  {line}")

    def run_done(self, record: RunRecord, seconds: float) -> None:
        shown = [f"{record.state.value:11}", f"{record.spec.name:56}", f"{seconds:6.1f} s"]
        if record.val_accuracy is not None:
            shown.append(f"val {record.val_accuracy:.4f}")
        if record.test_accuracy is not None:
            shown.append(f"test {record.test_accuracy:.4f}")
        if not record.finished:
            shown.append(record.reason)
        self.say("  ".join(shown))

    def show_results(self, records: tuple[RunRecord, ...], baselines: list[dict[str, Any]]) -> None:
        groups: dict[tuple[str, str, str, str], list[RunRecord]] = {}
        for record in highest(records):
            if record.finished:
                arm = record.spec.arm
                key = (str(arm.model), arm.init.value, arm.scope.value, arm.lr_policy.value)
                groups.setdefault(key, []).append(record)
        table = Table(title="Test accuracy by arm, at its highest rung")
        for head in ("model", "init", "scope", "lr policy", "rung", "seeds", "mean", "range"):
            table.add_column(head)
        for key, group in groups.items():
            values = [100 * (record.test_accuracy or 0.0) for record in group]
            spread = f"{min(values):.2f}…{max(values):.2f}" if len(values) > 1 else "–"
            rungs = sorted({record.spec.rung for record in group})
            table.add_row(
                *key,
                "/".join(f"{rung:,}" for rung in rungs),
                str(len(values)),
                f"{sum(values) / len(values):.2f} %",
                spread,
            )
        for row in baselines:
            images = f"{row['train_images']:,}" if row["train_images"] else ""
            table.add_row(row["name"], "", "", "", images, "", f"{100 * row['test_accuracy']:.2f} %", "")
        self._out.print(table)
        best = champion(records)
        if best is not None and best.test_accuracy is not None:
            self.say(
                f"champion: {best.spec.arm.name}, {best.samples_seen:,} samples, "
                f"test {best.test_accuracy:.4f} on {best.test_images:,} images"
            )
