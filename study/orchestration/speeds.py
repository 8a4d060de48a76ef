"""The speeds of this machine, as the plan of a study needs them."""

from __future__ import annotations

import math
from collections.abc import Callable

from study.orchestration.course import FILL, Course
from study.orchestration.setup import Options
from study.planning.cost import Speed, measure
from study.planning.measuring import SHARE, Stakes, settle
from study.spec import ModelName
from study.training.runtime import Runtime

#: Of the seconds of work, for pre-training where no weights can be had.
PRETRAINING_SHARE = 0.2
_BATCH = 64
#: Of a network for whose measurement the budget left no time: nothing fits at this speed.
UNKNOWN = Speed(train=1.0, inference=1.0, build=60.0, head=1.0)


def require_speeds(
    course: Course, options: Options, runtime: Runtime, say: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:  # fmt: skip
    """Give the course the speeds of every network: those it had, if this is the machine of the ledger."""
    known = course.ledger.fact("environment", {})
    here = (runtime.device_name, runtime.threads)
    if known and (known.get("device_name"), known.get("threads")) != here:
        course.speeds.clear()
    if set(course.speeds) != {model.value for model in course.study.models}:
        course.speeds.update(_measured(course, options, runtime, say, stop))


def _measured(
    course: Course, options: Options, runtime: Runtime, say: Callable[[str], None],
    stop: Callable[[], bool],
) -> dict[str, Speed]:  # fmt: skip
    """Measured anew where a busy moment would cost the study arms or its pre-training."""
    left = course.work.left()
    stakes = Stakes(
        study=course.study,
        runs=math.inf if course.decided else FILL * (1 - PRETRAINING_SHARE) * left,
        pretraining=0.0 if options.init_checkpoint else PRETRAINING_SHARE * left,
    )

    def measured(model: ModelName) -> Speed:
        if course.work.passed():
            return UNKNOWN
        speed = measure(model, course.study.resolution, _BATCH, runtime,
                        fold=course.study.fold)  # fmt: skip
        course.note_used()
        return speed

    return settle(measured, stakes, seconds=SHARE * course.deadline.budget, say=say, stop=stop)
