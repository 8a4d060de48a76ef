"""Prints the plan, a progress bar, one line per worker, and results to the terminal."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from types import TracebackType
from typing import Any

import rich.console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.table import Column, Table

from study.budget import Deadline, format_seconds
from study.records import EvaluationPoint, RunRecord
from study.store.tables import champion, highest

#: Widths of a terminal from which on the bar is whole, it is there at all, and a run's outcome has columns.
_WHOLE_BAR, _SOME_BAR, _COLUMNS = 100, 60, 110
_HEADS = ("model", "init", "scope", "lr policy", "rung", "seeds", "mean", "range")
#: Number of the columns that hold names; the cells of the others are numbers and are never broken.
_NAMES = 4


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
            self._bar = Progress(*_columns(self._out.width), console=self._out)
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
        """Prints a text; on a terminal its further lines are indented."""
        if self._out.is_terminal and len(text) > self._out.width:
            indent = " " * (len(text) - len(text.lstrip()) + 2)
            text = "\n".join(textwrap.wrap(text, self._out.width, subsequent_indent=indent))
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
        wide = self._out.width >= _COLUMNS
        shown = [f"{record.state.value:11}", f"{record.spec.name:56}", f"{seconds:6.1f} s"]
        if not wide:
            shown = [f"{record.state.value} {record.spec.name}", f"{seconds:.1f} s"]
        if record.val_accuracy is not None:
            shown.append(f"val {record.val_accuracy:.4f}")
        if record.test_accuracy is not None:
            shown.append(f"test {record.test_accuracy:.4f}")
        if not record.finished:
            shown.append(record.reason)
        self.say(("  " if wide else ", ").join(shown))

    def show_results(self, records: tuple[RunRecord, ...], baselines: list[dict[str, Any]]) -> None:
        groups: dict[tuple[str, str, str, str], list[RunRecord]] = {}
        for record in highest(records):
            if record.finished:
                arm = record.spec.arm
                key = (str(arm.model), arm.init.value, arm.scope.value, arm.lr_policy.value)
                groups.setdefault(key, []).append(record)
        rows: list[tuple[str, ...]] = []
        for key, group in groups.items():
            values = [100 * (record.test_accuracy or 0.0) for record in group]
            spread = f"{min(values):.2f}…{max(values):.2f}" if len(values) > 1 else "–"
            rungs = sorted({record.spec.rung for record in group})
            rows.append(
                (
                    *key,
                    "/".join(f"{rung:,}" for rung in rungs),
                    str(len(values)),
                    f"{sum(values) / len(values):.2f} %",
                    spread,
                )
            )
        for row in baselines:
            images = f"{row['train_images']:,}" if row["train_images"] else ""
            accuracy = f"{100 * row['test_accuracy']:.2f} %"
            rows.append((row["name"], "", "", "", images, "", accuracy, ""))
        self._show_table("Test accuracy by arm, at its highest rung", rows)
        best = champion(records)
        if best is not None and best.test_accuracy is not None:
            self.say(
                f"champion: {best.spec.arm.name}, {best.samples_seen:,} samples, "
                f"test {best.test_accuracy:.4f} on {best.test_images:,} images"
            )

    def _show_table(self, title: str, rows: list[tuple[str, ...]]) -> None:
        """Prints a table, or on a narrow terminal two lines for each row."""
        widths = [max(map(len, column)) for column in zip(_HEADS, *rows, strict=True)]
        words = max((len(word) for row in rows for word in row[0].split()), default=0)
        # Only the first column is broken, and only between words, as long as it is the widest one of names.
        widths[0] = min(widths[0], max(words, *widths[1:_NAMES]))
        if sum(widths) + 3 * len(widths) + 1 > self._out.width:
            self.say(title)
            for row in rows:
                named = zip(_HEADS[_NAMES:], row[_NAMES:], strict=True)
                self.say(f"  {' '.join(filter(None, row[:_NAMES]))}")
                self.say(f"    {', '.join(f'{head} {cell}' for head, cell in named if cell)}")
            return
        table = Table(title=title)
        for place, head in enumerate(_HEADS):
            table.add_column(head, no_wrap=place >= _NAMES)
        for row in rows:
            table.add_row(*row)
        self._out.print(table)


def _columns(width: int) -> tuple[ProgressColumn, ...]:
    """Returns the columns of the live lines; what is at work is broken between words and never cut."""
    if width < _SOME_BAR:
        both = "{task.fields[label]} {task.description}"
        return (TextColumn(both, table_column=Column(overflow="fold")),)
    return (
        TextColumn("{task.fields[label]}"),
        BarColumn(bar_width=32 if width >= _WHOLE_BAR else 10),
        TextColumn("{task.description}", table_column=Column(overflow="fold")),
    )
