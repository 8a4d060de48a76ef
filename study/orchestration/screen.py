"""What a person sees on the terminal: a header, the plan, one progress bar, a closing table."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from study.budget import Deadline, format_seconds
from study.planning.plan import Decision
from study.records import RunRecord, RunState
from study.store.tables import results_table


class _Console(Console):
    """Whoever read along may leave; the study goes on."""

    def on_broken_pipe(self) -> None:
        with suppress(SystemExit):
            super().on_broken_pipe()


class Screen:
    """A live bar on a terminal, plain lines elsewhere."""

    def __init__(self, deadline: Deadline) -> None:
        self.console = _Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = 120
        self._deadline = deadline
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.fields[clock]}"),
                BarColumn(),
                TextColumn("{task.description}"),
                console=self.console,
            )
            self._task = self._bar.add_task("", total=self._deadline.budget, clock="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)

    def tick(self, text: str) -> None:
        """Move the bar; text names the arm at work and its live validation accuracy."""
        if self._bar is not None and self._task is not None:
            used = self._deadline.used()
            clock = f"{format_seconds(used)} / {format_seconds(self._deadline.budget)}"
            self._bar.update(self._task, completed=used, description=text, clock=clock)

    def show_plan(self, decisions: dict[str, Decision]) -> None:
        table = Table(title="Plan (equal for all arms of a network)")
        for head in ("network", "seeds", "trials", "samples/run", "train images", "batch",
                     "validation", "predicted"):  # fmt: skip
            table.add_column(head, justify="left" if head == "network" else "right")
        for model, plan in decisions.items():
            table.add_row(
                model, str(plan.seeds), str(plan.trials), f"{plan.samples:,}",
                f"{plan.train_images:,}", str(plan.batch_size), f"{plan.validation_images:,}",
                format_seconds(plan.predicted_seconds),
            )  # fmt: skip
        self.console.print(table)

    def run_done(self, record: RunRecord, seconds: float) -> None:
        shown = [f"{record.state.value:11}", f"{record.spec.run_id:52}", f"{seconds:6.1f} s"]
        if record.val_accuracy is not None:
            shown.append(f"val {record.val_accuracy:.4f}")
        if record.test_accuracy is not None:
            shown.append(f"test {record.test_accuracy:.4f}")
        if record.state is not RunState.FINISHED:
            shown.append(record.reason)
        self.say("  ".join(shown))

    def show_results(self, records: tuple[RunRecord, ...]) -> None:
        results = results_table(records)
        done = results[results["state"] == "finished"]
        table = Table(title="Test accuracy by arm")
        for head in ("model", "init", "scope", "lr policy", "seeds", "mean", "sd"):
            table.add_column(head)
        for key, group in done.groupby(["model", "init", "scope", "lr_policy"], sort=False):
            values = group["test_accuracy"].astype(float)
            spread = f"{100 * values.std():.2f}" if len(values) > 1 else "–"
            table.add_row(*map(str, key), str(len(values)), f"{100 * values.mean():.2f} %", spread)
        self.console.print(table)
