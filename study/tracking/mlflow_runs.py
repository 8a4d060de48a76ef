"""Logs a study to MLflow: a run for the study and, below it, a run for each finished evaluation."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from alembic.util import CommandError
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from study.errors import TrackingError, one_line
from study.store.cells import LOSS, SHARE
from study.store.columns import OF_RUN
from study.store.files import PART
from study.store.ledger import Ledger
from study.store.lock import is_report_of
from study.tracking.address import SQLITE, database, shown, without_secrets
from study.tracking.runs import Key, TrackedRun, finished_runs, study_id

#: Name of the experiment, unless MLflow's own variable names another one.
EXPERIMENT, _EXPERIMENT_VARIABLE = "pretraining-study", "MLFLOW_EXPERIMENT_NAME"
#: Tags by which the runs of a study are found again.
STUDY, RUN_ID, RUNG = "study_id", "study_run_id", "study_rung"
_PARENT = "mlflow.parentRunId"
#: Columns of a run that are measured, besides accuracies and losses; the other columns are parameters.
_MEASURED = frozenset(
    {
        "samples_seen",
        "epochs",
        "train_seconds",
        "step_seconds",
        "judging_seconds",
        "images_per_second",
        "peak_memory_mb",
    }
)
#: Columns without a meaning there: `seconds` is `train_seconds` under another name.
_LEFT_OUT = frozenset({"state", "reason", "seconds", "checkpoint"})
#: Settings and facts of the machine that the run of the study has as parameters.
_SETTINGS = ("models", "seed", "resolution", "device", "precision", "fold")
_MACHINE = ("study_version", "commit", "python", "torch", "torchvision", "device_name", "threads")
#: Greatest numbers of items in one request of MLflow.
_MOST_METRICS, _MOST_FOUND, _LONGEST_VALUE = 1_000, 1_000, 500
#: Longest message of MLflow that is passed on.
_MESSAGE = 200

#: An evaluation as the tags of its run name it.
_Tagged = tuple[str, str]


class MlflowRuns:
    """The sink that writes to an MLflow server or to its database."""

    name = "MLflow"

    def __init__(self, uri: str, *, results_dir: Path, report_dir: Path) -> None:
        """
        Args:
            uri: address of the server or database, as `study.flags.mlflow_uri` returns it.
            results_dir: holds the table of results and the champion.
            report_dir: holds the report.
        """
        self._uri, self._results, self._report = uri, results_dir, report_dir
        self.place, self.added = shown(uri), 0
        self._client: MlflowClient | None = None
        self._experiment = self._parent = ""
        #: Evaluations that MLflow has, and the runs of those that were begun and not ended.
        self._logged: set[_Tagged] = set()
        self._begun: dict[_Tagged, str] = {}

    def update(self, ledger: Ledger, *, ended: bool) -> None:
        study = study_id(ledger)
        if study is None:
            return
        try:
            with self._told():
                if self._client is None:
                    self._client = self._connected(ledger, study, ended=ended)
                client = self._client
            for run in finished_runs(ledger, lambda key: _tagged(key) in self._logged):
                with self._told():
                    self._log(client, study, run)
            if ended:
                with self._told():
                    self._end(client, ledger)
        except TrackingError:
            self._client = None  # what was half logged is found when it connects anew
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns the errors of MLflow, its database and the network into one line without secrets."""
        try:
            yield
        except (MlflowException, SQLAlchemyError, CommandError, OSError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            told = one_line(without_secrets(lines[0], self._uri))[:_MESSAGE]
            raise TrackingError(f"{self.name} at {self.place}: {told}") from error

    # ---- the run of the study
    def _connected(self, ledger: Ledger, study: str, *, ended: bool) -> MlflowClient:
        """Finds what MLflow has of the study, and begins its run if there is none."""
        file = database(self._uri)
        if file is not None and not file.exists():
            _make_database(file)
        client = MlflowClient(tracking_uri=self._uri)
        self._experiment = _experiment(client, file)
        self._parent, self._logged, self._begun = "", set(), {}
        for run in _search(client, self._experiment, study):
            tags = run.data.tags
            if _PARENT not in tags:
                self._parent = self._parent or run.info.run_id
                continue
            evaluation = tags.get(RUN_ID, ""), tags.get(RUNG, "")
            if run.info.status == "FINISHED":
                self._logged.add(evaluation)
            else:
                self._begun[evaluation] = run.info.run_id
        self._parent = _begin_study(client, self._experiment, study, ledger, there=self._parent)
        if not ended:  # the study may have been stopped before
            client.update_run(self._parent, status="RUNNING")
        return client

    def _end(self, client: MlflowClient, ledger: Ledger) -> None:
        """Adds the files of the study and ends its run."""
        files = [self._results / "results.csv"]
        if is_report_of(self._report, self._results):  # not that of another study
            files.append(self._report / "report.pdf")
        for file in files:
            if file.is_file():
                client.log_artifact(self._parent, str(file))
        used = ledger.fact("used_seconds")
        if used is not None:
            client.log_metric(self._parent, "used_seconds", float(used))
        complete = bool((ledger.fact("environment") or {}).get("finished"))
        client.set_terminated(self._parent, status="FINISHED" if complete else "KILLED")

    # ---- the runs of evaluations
    def _log(self, client: MlflowClient, study: str, run: TrackedRun) -> None:
        """Logs an evaluation. Its run in MLflow ends last, so that one that was cut off is completed."""
        spec, champion = run.record.spec, self._results / "checkpoints" / run.record.checkpoint
        tags = {
            _PARENT: self._parent,
            STUDY: study,
            RUN_ID: spec.run_id,
            RUNG: str(spec.rung),
            "purpose": spec.purpose.value,
        }
        began, named = _milliseconds(run.began), spec.name
        mine = self._begun.pop(_tagged(run.key), "")
        if not mine:
            made = client.create_run(self._experiment, start_time=began, tags=tags, run_name=named)
            mine = str(made.info.run_id)
        parameters, metrics = parameters_of(run), metrics_of(run)
        client.log_batch(mine, params=parameters, metrics=metrics[:_MOST_METRICS])
        for start in range(_MOST_METRICS, len(metrics), _MOST_METRICS):
            client.log_batch(mine, metrics=metrics[start : start + _MOST_METRICS])
        if run.newest_champion and run.record.checkpoint and champion.is_file():
            client.log_artifact(mine, str(champion))
        client.set_terminated(mine, status="FINISHED", end_time=_milliseconds(run.committed))
        self._logged.add(_tagged(run.key))
        self.added += 1


def parameters_of(run: TrackedRun) -> list[Param]:
    """Returns what was chosen before the run: its arm, seed, rung, purpose and hyperparameters."""
    found = {"purpose": run.record.spec.purpose.value} | {
        column.name: str(cell)
        for column in OF_RUN
        if not _measured(column.name, column.kind)
        and column.name not in _LEFT_OUT
        and (cell := column.value(run.record)) not in (None, "")
    }
    return [Param(name, value[:_LONGEST_VALUE]) for name, value in found.items()]


def metrics_of(run: TrackedRun) -> list[Metric]:
    """Returns what was measured at the rung, and the points of the curve with samples as steps."""
    record, at = run.record, _milliseconds(run.committed)
    found = [
        (column.name, column.value(record), at, record.spec.rung)
        for column in OF_RUN
        if _measured(column.name, column.kind)
    ]
    for point in record.history:
        when = _milliseconds(run.began + point.seconds)
        for name in ("train_loss", "val_accuracy", "val_loss"):
            found.append((f"curve/{name}", getattr(point, name), when, point.samples_seen))
    return [
        Metric(name, float(value), when, step)
        for name, value, when, step in found
        if isinstance(value, int | float) and math.isfinite(value)
    ]


def _tagged(key: Key) -> _Tagged:
    return key[0], str(key[1])


def _measured(name: str, kind: object) -> bool:
    return name in _MEASURED or kind in (SHARE, LOSS)


def _make_database(file: Path) -> None:
    """Makes a database under another name first, because MLflow cannot use one that is half made."""
    part = file.with_name(f".{file.name}{PART}")
    for left in (part, part.with_name(f"{part.name}-journal")):  # of a process that was killed
        left.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    MlflowClient(tracking_uri=f"{SQLITE}{part}").search_experiments(max_results=1)
    part.replace(file)


def _experiment(client: MlflowClient, file: Path | None) -> str:
    """Returns the id of the experiment; a new one in a database keeps its files beside the database."""
    name = os.environ.get(_EXPERIMENT_VARIABLE) or EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    files = file.resolve().with_name(f"{file.stem}-artifacts").as_uri() if file is not None else None
    return str(client.create_experiment(name, artifact_location=files))


def _search(client: MlflowClient, experiment: str, study: str) -> Iterator[Run]:
    """Yields the runs that MLflow has of a study, the oldest first."""
    page: str | None = None
    while True:
        found = client.search_runs(
            [experiment],
            filter_string=f"tags.{STUDY} = '{study}'",
            max_results=_MOST_FOUND,
            order_by=["attributes.start_time ASC"],
            page_token=page,
        )
        yield from found
        page = found.token
        if not page:
            return


def _begin_study(client: MlflowClient, experiment: str, study: str, ledger: Ledger, *, there: str) -> str:
    """Begins the run of the study, unless it is there, and gives it settings and machine as parameters."""
    facts: dict[str, Any] = ledger.fact("environment") or {}
    settings: dict[str, Any] = ledger.fact("study") or {}
    if not there:
        started = facts.get("started") or ""
        began, named = _moment(started), f"study {started}".strip()
        made = client.create_run(experiment, start_time=began, tags={STUDY: study}, run_name=named)
        there = str(made.info.run_id)
    found = {name: settings.get(name) for name in _SETTINGS} | {name: facts.get(name) for name in _MACHINE}
    values = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in found.items()
        if value not in (None, "")
    }
    parameters = [Param(name, value[:_LONGEST_VALUE]) for name, value in values.items()]
    client.log_batch(there, params=parameters)  # equal parameters may be given again
    return there


def _moment(text: str) -> int:
    """Returns a local time of the ledger, or now if it is not one, in milliseconds since 1970."""
    try:
        return _milliseconds(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return _milliseconds(time.time())


def _milliseconds(seconds: float) -> int:
    return int(1_000 * seconds)
