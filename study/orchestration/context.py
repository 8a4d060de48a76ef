"""The objects that every phase of a study uses."""

from __future__ import annotations

from dataclasses import dataclass

from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.executors.protocol import Executor, WeightFiles
from study.orchestration.options import Options
from study.orchestration.plan_state import PlanState
from study.orchestration.run_specs import RunSpecs
from study.orchestration.signals import CancelToken
from study.planning.calibration import Calibration
from study.spec import Init, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.runtime import Runtime
from study.training.workshop import Workshop


@dataclass(kw_only=True)
class StudyContext:
    """The objects that every phase of a study uses.

    Attributes:
        study: settings that make two studies the same study.
        options: places and permissions.
        ledger: the committed runs, facts and events.
        clock: the time that is left.
        plan: decisions, and predicted and actual seconds.
        specs: derives the specs of runs.
        console: the terminal.
        token: tells all parts of the program to stop.
        runtime: device, precision and threads of a run of the matrix.
        champion_threads: number of threads of the champion.
        executor: runs tasks.
        shop: the data set in this process, which trains nothing itself.
    """

    study: StudySpec
    options: Options
    ledger: Ledger
    clock: StudyClock
    plan: PlanState
    specs: RunSpecs
    console: Console
    token: CancelToken
    runtime: Runtime
    champion_threads: int
    executor: Executor
    shop: Workshop

    @property
    def calibration(self) -> Calibration:
        return self.plan.calibration

    def weight_files(self, spec: RunSpec) -> WeightFiles:
        """Returns the files of pre-trained weights that a worker needs for a run."""
        model = spec.arm.model
        if spec.arm.init is not Init.PRETRAINED:
            return {}
        found = self.specs.weights[model]
        return {model: (found.path, found.source)}

    def all_weight_files(self) -> WeightFiles:
        return {model: (found.path, found.source) for model, found in self.specs.weights.items()}

    def matrix_left(self) -> float:
        """Returns the seconds left for the matrix; those reserved for champion and side runs are not."""
        return self.clock.work.left() - self.plan.champion_seconds - self.plan.side_seconds

    def note(self, kind: str, detail: str, model: str | None = None) -> None:
        """Stores an event and prints it."""
        self.ledger.add_event(kind, detail, model)
        self.console.say(detail)

    def note_once(self, kind: str, detail: str) -> None:
        """Stores an event and prints it, unless it has been stored before."""
        if detail not in (event["detail"] for event in self.ledger.events()):
            self.note(kind, detail)
