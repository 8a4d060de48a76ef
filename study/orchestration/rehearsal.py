"""`--dry-run`: the plan that a study would make on this machine; nothing is stored, fetched or moved."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from study.budget import Deadline, format_seconds
from study.errors import UsageError, WeightsError
from study.models import find_imagenet
from study.orchestration import sources
from study.orchestration.closing import drafts_expected
from study.orchestration.course import Course
from study.orchestration.screen import Screen
from study.orchestration.setup import Options, require_ledger, require_same
from study.orchestration.speeds import PRETRAINING_SHARE, require_speeds
from study.pretraining import recipe_for
from study.spec import Init, ModelName, StudySpec
from study.store.ledger import Ledger
from study.training.runtime import Runtime

#: What the plan of a study that is there depends on.
_FACTS = ("plan", "used_seconds", "pretraining", "environment")


def rehearse(study: StudySpec, options: Options, deadline: Deadline, runtime: Runtime) -> None:
    """Measure, plan in a ledger that is thrown away, and print.

    Raises:
        UsageError: a study with other settings is there, or its budget is used.
    """
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger.sqlite")
        try:
            if not options.fresh:
                require_ledger(options.results_dir)
                _copy(options.results_dir / "ledger.sqlite", ledger, study)
            course = Course.opened(study, ledger, deadline, options)
            with Screen(course.deadline) as screen:
                _plan(course, options, runtime, screen)
        finally:
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
    finally:
        there.close()


def _plan(course: Course, options: Options, runtime: Runtime, screen: Screen) -> None:
    require_speeds(course, options, runtime, screen.say)
    inits, aside = {}, 0.0
    share = PRETRAINING_SHARE * course.work.left() / len(course.study.models)
    for model in course.study.models:
        seconds, told = _weights(model, course, options, share)
        inits[model] = (Init.SCRATCH,) if seconds is None else tuple(Init)
        aside += seconds or 0.0
        screen.say(f"{model}: {told}")
    course.work = course.work.minus(aside)
    course.draft_seconds = drafts_expected(course)
    course.decide(inits)
    screen.show_plan(course.decisions)


def _weights(
    model: ModelName, course: Course, options: Options, share: float
) -> tuple[float | None, str]:  # fmt: skip
    """Seconds that a study would spend on pre-trained weights, None where it gets none; and in words."""
    if course.ledger.fact("pretraining", {}).get(model.value, {}).get("sha256"):
        return 0.0, "pre-trained weights of the study that is there"
    if options.init_checkpoint and sources.checkpoint(model, options.init_checkpoint):
        return 0.0, f"pre-trained weights from {options.init_checkpoint}"
    try:
        find_imagenet(model, weights_dir=options.weights_dir, offline=True)
        return 0.0, "ImageNet weights on this machine"
    except WeightsError as error:
        altered = "altered" in str(error)
        if altered and options.weights_dir is not None:
            raise
    speed = course.speeds[model.value].pretext
    try:
        seconds, instead = recipe_for(model, share, speed).predicted_seconds(speed), ""
    except UsageError as error:
        seconds, instead = None, str(error)
    made = instead or f"pre-training on fractals, {format_seconds(seconds or 0.0)}"
    if options.offline or altered:
        return seconds, f"no ImageNet weights on this machine; {made}"
    return seconds or 0.0, f"assumed: ImageNet weights can be downloaded; if not: {made}"
