"""How seconds become results: which rungs, how many trials and seeds, equal for all arms of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from study.matrix import arms
from study.spec import SHORTEST_RUNG, Arm, HyperParams, ModelName, Purpose, RunSpec, Scope, StudySpec
from study.training.defaults import BATCH_SIZE, RECIPE, default_hyper
from study.training.schedule import branch_point

#: The shortest rung that tells something of a network (docs/recipe.md, ADR 15). VGG11 from scratch has left
#: chance after 2,000 samples, but a second rung costs half as much again as going to 4,000 at once.
LEAST_RUNG = {ModelName.VGG11: 2 * SHORTEST_RUNG, ModelName.GOOGLENET: SHORTEST_RUNG}
#: Seeds that give an interval worth the name.
THREE = 3
#: What further time buys, in this order: (longest rung, seeds).
LADDER = ((256_000, 3), (256_000, 5), (1_024_000, 5), (1_024_000, 10))
#: Trials of an arm, as many of these as fit a share of the seconds.
TRIALS = (5, 4, 3, 2)
TRIALS_SHARE = 0.25
TUNING_SEED = 9_000

#: Predicted seconds of a judgement after so many samples of its trunk, or images of its features.
Cost: TypeAlias = Callable[[RunSpec, int], float]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The plan of one network.

    Attributes:
        least_rung: the shortest that tells anything of it.
        rung: all its arms are judged there with `seeds` seeds; 0 where the network is not studied.
        trials: tuning trials of each arm, at `trial_rung`.
        needs_seconds: the budget that would bring a network in that is not studied.
    """

    least_rung: int
    trial_rung: int
    batch_size: int
    rung: int = 0
    seeds: int = 0
    trials: int = 0
    needs_seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Step:
    """All arms of these networks with the first `seeds` seeds, judged at every rung up to `rung`."""

    models: tuple[ModelName, ...]
    seeds: int
    rung: int


#: Network → the rung that all its arms have reached, and with how many seeds.
Reached = dict[ModelName, tuple[int, int]]


def blank(model: ModelName) -> Decision:
    """The plan of a network before anything fits."""
    least = LEAST_RUNG[model]
    return Decision(least_rung=least, trial_rung=least, batch_size=BATCH_SIZE[model])


def rungs(least: int, most: int) -> list[int]:
    """The ladder from a least rung to a highest one."""
    found = [least]
    while found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found


def next_step(
    reached: Reached, fits: Callable[[Step], bool], most_seeds: int | None,
    least: Mapping[ModelName, int] = LEAST_RUNG, cost: Callable[[Step], float] = lambda step: 0.0,
) -> Step | None:  # fmt: skip
    """The most telling step that fits and is not done yet; None where nothing whole fits any more.

    At first the highest rung that three seeds of all arms can reach. Where the least rung is too dear
    for three, the highest that one seed can reach, since two give no interval worth the name, and then a
    second seed. Then one network alone goes on where three seeds of it fit: the one that is ahead, of two
    at the same rung the cheaper one. `LADDER` says what comes then.

    Args:
        reached: what every network has; of one that has nothing yet (0, 0).
        fits: whether a step fits the seconds that are left.
        most_seeds: never more than these.
        least: the least rung of each network, a power of two times the shortest of them.
        cost: seconds of a step.
    """
    models = tuple(reached)
    lowest = max(least[model] for model in models)
    for longest, wanted in LADDER:
        seeds = min(wanted, most_seeds or wanted)
        fewest = min(n for _, n in reached.values())
        for number in _numbers(seeds, fewest):
            for rung in reversed(rungs(lowest, longest)):
                step = Step(models=models, seeds=number, rung=rung)
                if _new(step, reached) and fits(step):
                    return step
        alone = [Step(models=(model,), seeds=n, rung=2 * rung) for model, (rung, n) in reached.items()]
        for step in sorted(alone, key=lambda step: (-step.rung, cost(step))):
            if step.seeds >= seeds and step.rung <= longest and fits(step):
                return step
        if any(rung < longest or number < seeds for rung, number in reached.values()):
            return None
    return None


def _numbers(seeds: int, fewest: int) -> list[int]:
    """Numbers of seeds in the order in which they are wanted; never fewer than there are."""
    wanted = [seeds, 1, 2] if seeds <= THREE else list(range(seeds, 0, -1))
    return [number for number in wanted if fewest <= number <= seeds]


def after(reached: Reached, step: Step) -> Reached:
    """What is reached when a step is done."""
    return {
        model: (max(rung, step.rung), max(seeds, step.seeds)) if model in step.models else (rung, seeds)
        for model, (rung, seeds) in reached.items()
    }


def trials_that_fit(cost: Callable[[int], float], seconds: float) -> int:
    """The most trials of every arm of which the cost fits; 0 where not even the fewest do."""
    return next((number for number in TRIALS if cost(number) <= seconds), 0)


def climb(spec: RunSpec, least: int, most: int, reached: int) -> Iterator[tuple[RunSpec, int]]:
    """The judgements of one training on its way up, each with what a checkpoint has before it.

    Args:
        spec: any judgement of the training.
        least: the network's least rung.
        reached: the rung that it has; 0 where it has none.
    """
    before = reached
    for rung in rungs(least, most):
        if rung > reached:
            wanted = replace(spec, rung=rung)
            yield wanted, trunk_samples(wanted, before)
            before = rung


def trunk_samples(spec: RunSpec, reached: int) -> int:
    """What a training that was judged at a rung has when it goes on: samples, or images with features."""
    if not reached:
        return 0
    return reached if spec.arm.scope is Scope.FROZEN else branch_point(replace(spec, rung=reached))


def run_spec(
    arm: Arm, study: StudySpec, *, purpose: Purpose, number: int, rung: int,
    hyper: HyperParams | None = None, source: tuple[str, str] = ("none", ""),
) -> RunSpec:  # fmt: skip
    """A judgement of an arm: `number` is the trial, or the index of the final seed."""
    trial = purpose is Purpose.TRIAL
    return RunSpec(
        arm=arm,
        purpose=purpose,
        seed=study.seed * 100_000 + (TUNING_SEED if trial else number + 1),
        hyper=hyper or default_hyper(arm),
        rung=rung,
        resolution=study.resolution,
        batch_size=BATCH_SIZE[arm.model],
        recipe=RECIPE,
        init_source=source[0],
        weights_sha256=source[1],
        precision=study.precision,
        fold=study.fold,
        trial=number if trial else None,
    )


def arms_of(models: Iterable[ModelName], left_out: Iterable[str] = ()) -> tuple[Arm, ...]:
    """The arms of these networks without those named."""
    return tuple(arm for arm in arms(models) if arm.name not in set(left_out))


def _new(step: Step, reached: Reached) -> bool:
    """Whether a step adds to every network's seeds or rung, and takes none of them back."""
    return all(
        step.rung >= reached[model][0] and step.seeds >= reached[model][1] for model in step.models
    ) and any((step.rung, step.seeds) != reached[model] for model in step.models)
