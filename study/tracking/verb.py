"""Implements `track`: opens the programs that are asked for and follows a study for them."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from threading import Event

from study.errors import StudyError, TrackingError, UsageError
from study.store.files import require_folder
from study.store.ledger import LEDGER
from study.store.lock import folder_lock, lock_holder
from study.system.child_process import end_with_parent, has_parent
from study.system.memory import go_first
from study.system.terminal import say
from study.tracking.address import require_usable
from study.tracking.follow import POLL, Sink, follow, has_runs

#: Settings of MLflow, which reports its use to its makers unless told not to.
_ALWAYS = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_CONFIGURE_LOGGING": "false"}
#: Its patience with a server, which otherwise is minutes; what the user has set stays.
_UNLESS_SET = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
#: The packages, and where pip finds them under another name.
_MLFLOW, _TENSORBOARD = "mlflow", "tensorboard"
_PROJECTS = {_MLFLOW: "mlflow-skinny"}
#: By so much the process of a study yields to the runs.
_NICE = 10


def track(folder: Path, *, report_dir: Path, mlflow: str, tensorboard: Path | None) -> int:
    """Shows a study in other programs: what its ledger has and, while it is at work, what it gets.

    Args:
        folder: the results directory.
        report_dir: folder of the report.
        mlflow: address of an MLflow server or database, or "".
        tensorboard: folder for event files.

    Returns:
        The exit code. It is 2 in a process of a study that has failed; its lines tell why.

    Raises:
        UsageError: there is no study, or nothing to show it in.
        TrackingError: a program lacks something at the end.
        StoreError: another process shows the same study.
    """
    if not mlflow and tensorboard is None:
        raise UsageError("track needs --mlflow URI, --tensorboard DIR or both")
    if not (folder / LEDGER).is_file():
        raise UsageError(f"{folder} holds no study")
    with _quiet():
        if has_parent():
            return _beside_a_study(folder, report_dir, mlflow, tensorboard)
        return _afterwards(folder, report_dir, mlflow, tensorboard)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences logs and warnings: MLflow tells in many lines what its error tells in one."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _afterwards(folder: Path, report_dir: Path, mlflow: str, tensorboard: Path | None) -> int:
    """Shows what is there and, while the study is at work, what comes."""
    if mlflow:
        require_usable(mlflow, folder)
    with _alone(folder, mlflow):
        sinks = _sinks(folder, report_dir, mlflow, tensorboard, _refuse)
        failures = follow(
            folder,
            sinks,
            going=lambda: lock_holder(folder) is not None,
            wait=Event().wait,
            say=say,
        )
    if failures:
        raise TrackingError("; ".join(failures))
    for sink in sinks:
        say(f"{sink.name}: {sink.added} evaluations added to {sink.place}")
    return 0


def _beside_a_study(folder: Path, report_dir: Path, mlflow: str, tensorboard: Path | None) -> int:
    """Follows the study that has started this process until it says that it has ended."""
    ended, said = Event(), list[str]()
    end_with_parent(ended)
    go_first()
    os.nice(_NICE)

    def tell(line: str) -> None:
        if line not in said:
            said.append(line)
            say(line)

    for package, flag in ((_MLFLOW, mlflow), (_TENSORBOARD, tensorboard)):
        if flag and find_spec(package) is None:
            tell(_advice(package))
    try:
        while not ended.is_set() and not has_runs(folder):  # the first seconds measure the machine
            ended.wait(POLL)
        with _alone(folder, mlflow):
            sinks = _sinks(folder, report_dir, mlflow, tensorboard, tell)
            if not sinks:
                return 0
            failures = follow(folder, sinks, going=lambda: not ended.is_set(), wait=ended.wait, say=tell)
    except (StudyError, OSError) as error:
        failures = [str(error)]
    for failure in failures:
        tell(failure)
    return 2 if failures else 0


def _alone(folder: Path, mlflow: str) -> AbstractContextManager[None]:
    """Makes sure that no other process logs the same runs to MLflow, which would have them twice."""
    if not mlflow:
        return nullcontext()
    return folder_lock(folder, f"another process shows the study in {folder} in MLflow already")


def _refuse(told: str) -> None:
    raise TrackingError(told)


def _sinks(
    folder: Path, report_dir: Path, mlflow: str, tensorboard: Path | None, missing: Callable[[str], object]
) -> list[Sink]:
    """Opens the programs; `missing` is told which package is not installed."""
    found: list[Sink] = []
    if mlflow:
        os.environ.update(_ALWAYS)
        for name, value in _UNLESS_SET.items():
            os.environ.setdefault(name, value)
        try:
            from study.tracking.mlflow_runs import MlflowRuns

            found.append(MlflowRuns(mlflow, results_dir=folder, report_dir=report_dir))
        except ImportError as error:
            missing(_advice(error.name or _MLFLOW))
    if tensorboard is not None:
        require_folder(tensorboard, "TensorBoard's folder")
        try:
            from study.tracking.event_files import EventFiles

            found.append(EventFiles(tensorboard))
        except ImportError as error:
            missing(_advice(error.name or _TENSORBOARD))
    return found


def _advice(package: str) -> str:
    project = _PROJECTS.get(package, package)
    return f"{package} is not installed; `pip install {project}`, then `track` adds the runs"
