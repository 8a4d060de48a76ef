"""Writes the curves of a study as event files, which TensorBoard reads."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from study.errors import StoreError, TrackingError
from study.records import RunRecord
from study.store.files import write_atomic
from study.store.ledger import Ledger
from study.tracking.runs import Key, TrackedRun, finished_runs, study_id

#: Names of the curves and of what is judged at a rung, by the name of the value in the records.
CURVES = {"train_loss": "train/loss", "val_accuracy": "validation/accuracy", "val_loss": "validation/loss"}
JUDGED = {"test_accuracy": "test/accuracy", "test_loss": "test/loss", "macro_f1": "test/macro_f1"}
_VERSION = "brain.Event:2"


class EventFiles:
    """The sink that writes a folder for TensorBoard: of each run a folder, of each rung a file in it.

    A file has the whole curve up to its rung. TensorBoard reads the files of a run in the order of their
    names, and each replaces what the one before it showed. What is there is not written again.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place, self.added = str(folder), 0
        self._there: set[Key] = set()

    def update(self, ledger: Ledger, *, ended: bool) -> None:
        study = study_id(ledger)
        if study is None:
            return
        for run in finished_runs(ledger, self._there.__contains__):
            spec = run.record.spec
            folder = self._folder / f"study-{study}" / spec.purpose.value / spec.run_id
            file = folder / f"events.out.tfevents.{spec.rung:012}.study"
            try:
                if not file.exists():
                    _write(file, event_file(run))
                    self.added += 1
            except (OSError, StoreError) as error:
                raise TrackingError(f"{self.name}: {error}") from error
            self._there.add(run.key)


def event_file(run: TrackedRun) -> bytes:
    """Returns the content of the event file of an evaluation."""
    stream = io.BytesIO()
    writer = RecordWriter(stream)
    for event in _events(run):
        writer.write(event.SerializeToString())
    return stream.getvalue()


def _events(run: TrackedRun) -> Iterator[Event]:
    yield Event(wall_time=run.began, file_version=_VERSION)
    # TensorBoard forgets what earlier files of this run have from this step on.
    yield Event(wall_time=run.began, step=0, session_log=SessionLog(status=SessionLog.START))
    for point in run.record.history:
        found = {tag: getattr(point, name) for name, tag in CURVES.items()}
        yield from _scalars(found, point.samples_seen, run.began + point.seconds)
    for record in (*run.lower, run.record):
        yield from _scalars(_judged(record), record.spec.rung, run.committed)


def _judged(record: RunRecord) -> dict[str, float | None]:
    return {tag: getattr(record, name) for name, tag in JUDGED.items()}


def _scalars(values: dict[str, float | None], step: int, when: float) -> Iterator[Event]:
    known = [
        Summary.Value(tag=tag, simple_value=value) for tag, value in values.items() if value is not None
    ]
    if known:
        yield Event(wall_time=when, step=step, summary=Summary(value=known))


def _write(file: Path, content: bytes) -> None:
    """Writes a file under another name first, because TensorBoard reads each file named `tfevents`."""
    part = file.with_name(f"{file.name.rsplit('.', 2)[1]}.new")
    write_atomic(part, lambda stream: stream.write(content))
    part.replace(file)
