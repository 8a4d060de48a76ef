"""What every phase of a study works with."""

from __future__ import annotations

from dataclasses import dataclass

from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.executors.protocol import Executor
from study.orchestration.executors.tasks import WeightFiles
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
    """Attributes:
    token: asks everybody to stop.
    runtime: of a run of the matrix.
    champion_threads: that a champion computes with.
    shop: the data in this process; nothing is trained here.
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
        """What a worker needs to build the network of a run."""
        model = spec.arm.model.value
        if spec.arm.init is not Init.PRETRAINED:
            return {}
        found = self.specs.weights[model]
        return {model: (found.path, found.source)}

    def all_weight_files(self) -> WeightFiles:
        return {model: (found.path, found.source) for model, found in self.specs.weights.items()}

    def matrix_left(self) -> float:
        """Seconds left for runs of the matrix: what is set aside for the champion and side runs is not."""
        return self.clock.work.left() - self.plan.champion_seconds - self.plan.side_seconds

    def note(self, kind: str, detail: str, model: str | None = None) -> None:
        """An event of the study, kept and shown."""
        self.ledger.add_event(kind, detail, model)
        self.console.say(detail)
