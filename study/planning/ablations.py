"""Lists the runs of the side experiments: labels, trained stages, and the first convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from study.models.weights import WeightFile
from study.networks import NETWORKS, ModelName
from study.spec import Arm, Experiment, FirstConv, Init, LrPolicy, Purpose, RunSpec, Scope

#: Numbers of training images. One more point has as many images as a run of this length can see.
LABELS = (500, 2_000, 10_000)
#: That point must have at least so many times the images of the previous one.
APART = 1.5
#: Numbers of trained stages below the output layer. The labels experiment has the run with all stages.
DEPTHS = (0, 1, 2, 4)
#: The adaptation of the first convolution is studied on one network: the first of these that has weights.
#: Those whose usual adaptation is exact come first.
ADAPTED = sorted(NETWORKS, key=lambda name: not NETWORKS[name].exact_adaptation)
#: Maximum share of the time left after tuning for side experiments.
SHARE = 0.12
#: Number of seeds of a side experiment; with less time it is left out.
SEEDS = 3

#: Returns the final run of an arm at its shortest rung, with tuned hyperparameters and weights.
FinalRun = Callable[[Arm], RunSpec]


def side_runs(
    model: ModelName,
    rung: int,
    inits: tuple[Init, ...],
    final_run: FinalRun,
    weights: Mapping[str, WeightFile],
) -> list[RunSpec]:
    """Returns the side runs of one network with one seed, the most informative first.

    Labels: both inits, all stages trained, on 500, 2,000, 10,000 and as many images as a run of this
    length can see. Depth: pretrained, with some stages below the output layer trained. Adaptation, of
    one network: pretrained, with another first convolution. The labels' pretrained run on the most
    images is the last point of the depth experiment and the study's own way of the adaptation
    experiment.

    Args:
        weights: files of pre-trained weights by network.
    """

    def final(init: Init) -> RunSpec:
        arm = Arm(model=model, init=init, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM)
        return final_run(arm)

    def side(init: Init, experiment: Experiment, **changes: int | FirstConv) -> RunSpec:
        return replace(final(init), purpose=Purpose.SIDE, experiment=experiment, rung=rung, **changes)  # type: ignore[arg-type]

    whole = min(final(inits[0]).data.train_images, rung)
    sizes = [size for size in LABELS if size < whole / APART] + [whole]
    runs = [side(init, Experiment.LABELS, train_images=size) for size in sizes for init in inits]
    if Init.PRETRAINED in inits:
        runs += [
            side(Init.PRETRAINED, Experiment.DEPTH, train_images=whole, unfrozen_stages=k) for k in DEPTHS
        ]
        runs += [
            side(Init.PRETRAINED, Experiment.ADAPTATION, train_images=whole, first_conv=variant)
            for variant in _first_convs(model, weights)
            if final(inits[0]).data.channels == 1
        ]
    return runs


def by_importance(runs: Iterable[RunSpec]) -> list[RunSpec]:
    """Sorts the runs of all networks by experiment, the most important first."""
    order = list(Experiment)
    return sorted(runs, key=lambda spec: order.index(spec.experiment or order[0]))


def _first_convs(model: ModelName, weights: Mapping[str, WeightFile]) -> tuple[FirstConv, ...]:
    """Returns the alternatives for the first convolution; the mean over channels needs three channels."""
    if model is not next((known for known in ADAPTED if known in weights), None):
        return ()
    return tuple(FirstConv) if weights[model].channels == 3 else (FirstConv.FRESH,)
