"""Side experiments: the fewest runs that show accuracy by labels and by unfrozen stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from study.planning.plan import Decision
from study.spec import Arm, Experiment, Init, LrPolicy, ModelName, Purpose, RunSpec, Scope

#: Numbers of training images; the planned number of a side run is the last point.
LABELS = (500, 2_000, 10_000)
#: The last point is at least so many times the one before.
APART = 1.5
#: Stages trained below the output layer; that all are trained is the last point of the labels.
DEPTHS = (0, 1, 2, 4)
#: At most this share of the seconds left after tuning goes to side experiments.
SHARE = 0.25
#: A side run is as long as a tuning trial, or a half or a quarter of it, and never shorter than this.
SHORTENED = (1, 2, 4)
LEAST_SAMPLES = 2_000

#: The final run of an arm under a plan, with its chosen hyperparameters and weights.
FinalRun = Callable[[Arm, Decision], RunSpec]


def side_runs(
    model: ModelName, decision: Decision, inits: tuple[Init, ...], final_run: FinalRun
) -> list[RunSpec]:
    """The side runs of one network with one seed, the most telling first.

    All see `decision.side_samples` samples; none are made where that is 0. Labels: both inits, all stages
    trained, on 500, 2,000, 10,000 and all planned images. Depth: pretrained, with some stages
    below the output layer trained.
    """
    samples = decision.side_samples
    if not samples:
        return []
    whole = min(decision.train_images, samples)
    planned = replace(decision, samples=samples, train_images=whole)

    def side(init: Init, experiment: Experiment, **changes: int) -> RunSpec:
        arm = Arm(model=model, init=init, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM)
        spec = replace(final_run(arm, planned), **changes)  # type: ignore[arg-type]
        return replace(spec, purpose=Purpose.SIDE, experiment=experiment, evaluations=2)

    sizes = [size for size in LABELS if size < whole / APART] + [whole]
    runs = [side(init, Experiment.LABELS, train_images=size) for size in sizes for init in inits]
    if Init.PRETRAINED in inits:
        runs += [side(Init.PRETRAINED, Experiment.DEPTH, unfrozen_stages=k) for k in DEPTHS]
    return runs
