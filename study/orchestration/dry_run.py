"""Implements `--dry-run`: prints the plan of a study without storing, fetching or moving anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from study.budget import Deadline, format_seconds
from study.data import load
from study.data.own_set import keep
from study.datasets import is_own
from study.errors import AlteredWeights, UsageError, WeightsError
from study.models import find_imagenet
from study.models.weights import IMAGENET, WeightFile
from study.networks import ModelName
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.context import StudyContext
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench
from study.orchestration.forecast import Forecast, champion_seconds
from study.orchestration.opening import require_ledger
from study.orchestration.options import Options
from study.orchestration.phases.benchmark import require_speeds
from study.orchestration.phases.weights import share_of
from study.orchestration.plan_state import PlanState
from study.orchestration.run_specs import RunSpecs
from study.orchestration.scheduler import Scheduler
from study.orchestration.settings import SETTINGS, require_same
from study.orchestration.signals import CancelToken
from study.pretraining import recipe_for, weight_sources
from study.spec import StudySpec
from study.store.ledger import LEDGER, Ledger
from study.training.runtime import Runtime, champion_threads, one_thread, usable_workers
from study.training.workshop import Workshop

#: Ledger facts that the plan of an existing study depends on.
_FACTS = (SETTINGS, "plan", "used_seconds", "pretraining", "environment")


def dry_run(study: StudySpec, options: Options, deadline: Deadline, runtime: Runtime) -> None:
    """Measures the machine, plans with a temporary ledger, and prints the plan.

    Raises:
        UsageError: the directory holds a study with other settings, or its budget is used up.
    """
    with TemporaryDirectory() as folder, CancelToken() as token:
        ledger = Ledger(Path(folder) / LEDGER)
        workers = usable_workers(runtime, study.data, options.workers)
        matrix_runtime = one_thread(runtime)
        if options.images is not None and is_own(study.dataset):
            keep(options.images, Path(folder))
        executor = LocalExecutor(
            Bench(study=study, runtime=matrix_runtime, folder=Path(folder), data_dir=options.data_dir),
            workers=workers,
        )
        try:
            if not options.fresh:
                require_ledger(options.results_dir)
                _copy(options.results_dir / LEDGER, ledger, study)
            clock = StudyClock.opened(ledger, deadline, str(options.results_dir))
            plan = PlanState(study=study, clock=clock, workers=workers)
            plan.workers = workers
            images = options.images or load(study.data, options.data_dir, offline=True)
            with Console(clock.deadline, workers) as console:
                _plan(
                    StudyContext(
                        study=study,
                        options=replace(options, results_dir=Path(folder)),
                        ledger=ledger,
                        clock=clock,
                        plan=plan,
                        specs=RunSpecs(study=study, ledger=ledger),
                        console=console,
                        token=token,
                        runtime=matrix_runtime,
                        champion_threads=champion_threads(runtime, workers),
                        executor=executor,
                        shop=Workshop(
                            images=images, runtime=matrix_runtime, weights={}, folder=Path(folder)
                        ),
                    )
                )
        finally:
            executor.close()
            ledger.close()


def _copy(path: Path, ledger: Ledger, study: StudySpec) -> None:
    if not path.is_file():
        return
    there = Ledger(path, read_only=True)
    try:
        require_same(there, study, path.parent)
        for name in _FACTS:
            if (value := there.fact(name)) is not None:
                ledger.set_fact(name, value)
        for record in there.records():
            ledger.commit(record)
    finally:
        there.close()


def _plan(context: StudyContext) -> None:
    require_speeds(
        context,
        Scheduler(
            executor=context.executor,
            ledger=context.ledger,
            clock=context.clock,
            console=context.console,
            token=context.token,
        ),
    )
    left, models, aside = context.clock.work.left(), context.study.models, 0.0
    for model in models:
        speed = context.plan.speeds[model].pretext
        share = share_of(model, left, speed, models=len(models), workers=context.plan.workers)
        seconds, told = _weights(model, context, share)
        if seconds is not None:
            assumed = WeightFile(source="assumed", sha256="", path="", channels=1)
            context.specs.weights[model] = assumed
            aside += seconds / min(context.plan.workers, len(models))
        context.console.say(f"{model}: {told}")
    context.plan.champion_seconds = champion_seconds(context)
    context.clock.work = context.clock.work.minus(aside)
    forecast = Forecast(context)
    forecast.decide()
    context.console.show_plan(forecast.lines())


def _weights(model: ModelName, context: StudyContext, share: float) -> tuple[float | None, str]:
    """Returns the seconds that pre-trained weights would cost (None if there are none), and a sentence."""
    options = context.options
    if context.ledger.fact("pretraining", {}).get(model, {}).get("sha256"):
        return 0.0, "pre-trained weights of the study that is there"
    if options.init_checkpoint and weight_sources.checkpoint(model, options.init_checkpoint):
        return 0.0, f"pre-trained weights from {options.init_checkpoint}"
    altered = False
    try:
        find_imagenet(model, weights_dir=options.weights_dir, offline=True)
        return 0.0, f"ImageNet weights ({IMAGENET}) on this machine"
    except AlteredWeights:
        altered = True
        if options.weights_dir is not None:
            raise
    except WeightsError:
        pass
    speed = context.plan.speeds[model].pretext
    try:
        seconds, instead = recipe_for(model, share, speed).predicted_seconds(speed), ""
    except UsageError as error:
        seconds, instead = None, str(error)
    made = instead or f"pre-training on fractals, {format_seconds(seconds or 0.0)}"
    if options.offline or altered:
        return seconds, f"no ImageNet weights on this machine; {made}"
    return seconds or 0.0, f"assumed: ImageNet weights can be downloaded; if not: {made}"
