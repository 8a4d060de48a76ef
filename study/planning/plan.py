"""Decides which rungs, trials and seeds a budget buys; all arms of a network get the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from study.matrix import arms
from study.networks import NETWORKS, ModelName
from study.spec import Arm, HyperParams, Purpose, RunSpec, Scope, StudySpec
from study.training.defaults import default_hyper, recipe_for
from study.training.schedule import branch_point

#: The shortest useful rung of each network.
LEAST_RUNG = {name: network.least_rung for name, network in NETWORKS.items()}
#: The smallest number of seeds that gives a useful interval.
THREE = 3
#: What further time buys, in this order: pairs of (longest rung, seeds).
LADDER = ((256_000, 3), (256_000, 5), (1_024_000, 5), (1_024_000, 10))
#: Upper bound on the number of seeds that workers without other work add, see `one_more_seed`.
MOST_SEEDS = 32
#: Possible numbers of trials per arm, and the share of the time that all trials may take.
TRIALS = (5, 4, 3, 2)
TRIALS_SHARE = 0.25
TUNING_SEED = 9_000

#: Predicts the seconds of a run, given samples in its trunk's checkpoint or images with cached features.
Cost: TypeAlias = Callable[[RunSpec, int], float]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The plan of one network.

    Attributes:
        least_rung: its shortest useful rung.
        trial_rung: the rung of its tuning trials.
        batch_size: in training.
        rung: the rung at which all its arms are evaluated; 0 if the network is not studied.
        seeds: number of seeds of each arm.
        trials: number of tuning trials of each arm.
        needs_seconds: the budget with which a network that is left out would be studied.
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
    """All arms of some networks with the first `seeds` seeds, evaluated at every rung up to `rung`."""

    models: tuple[ModelName, ...]
    seeds: int
    rung: int


#: Maps a network to the rung that all its arms have reached and the number of their seeds.
Reached = dict[ModelName, tuple[int, int]]


def blank(model: ModelName) -> Decision:
    """Returns the plan of a network before anything is decided."""
    least = LEAST_RUNG[model]
    return Decision(least_rung=least, trial_rung=least, batch_size=NETWORKS[model].batch_size)


def rungs(least: int, most: int) -> list[int]:
    """Returns the rungs from `least` to at most `most`, each twice the previous one."""
    found = [least]
    while found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found


def next_step(
    reached: Reached,
    fits: Callable[[Step], bool],
    most_seeds: int | None,
    least: Mapping[ModelName, int] = LEAST_RUNG,
    cost: Callable[[Step], float] = lambda step: 0.0,
) -> Step | None:
    """Returns the most informative step that fits and is not done yet, or None if no whole step fits.

    The first choice is the highest rung that three seeds of all arms can reach. If even the shortest rung
    is too expensive for three seeds, the choice is the highest rung for one seed, because two seeds give no
    useful interval, and then a second seed. After that, one network continues alone if three seeds of it
    fit: the network that is ahead or, at equal rungs, the cheaper one. `LADDER` defines what follows.

    Args:
        reached: rung and number of seeds of every network; (0, 0) if it has none.
        fits: returns whether a step fits into the time that is left.
        most_seeds: upper bound on the number of seeds.
        least: the shortest rung of each network, a power of two times the shortest of all.
        cost: returns the seconds of a step.
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


def one_more_seed(
    reached: Reached, fits: Callable[[Step], bool], most_seeds: int | None, cost: Callable[[Step], float]
) -> Step | None:
    """Returns one more seed of one network, for workers that no step of `LADDER` can use.

    The network with the fewest seeds comes first; of two with equally many, the more expensive one.

    Args:
        reached, fits, most_seeds, cost: see `next_step`.
    """
    most = MOST_SEEDS if most_seeds is None else most_seeds
    steps = [
        Step(models=(model,), seeds=seeds + 1, rung=rung)
        for model, (rung, seeds) in reached.items()
        if 0 < seeds < most
    ]
    ordered = sorted(steps, key=lambda step: (step.seeds, -cost(step)))
    return next((step for step in ordered if fits(step)), None)


def _numbers(seeds: int, fewest: int) -> list[int]:
    """Returns numbers of seeds in order of preference, none below `fewest`."""
    wanted = [seeds, 1, 2] if seeds <= THREE else list(range(seeds, 0, -1))
    return [number for number in wanted if fewest <= number <= seeds]


def after(reached: Reached, step: Step) -> Reached:
    """Returns what is reached when a step is done."""
    return {
        model: (max(rung, step.rung), max(seeds, step.seeds)) if model in step.models else (rung, seeds)
        for model, (rung, seeds) in reached.items()
    }


def trials_that_fit(cost: Callable[[int], float], seconds: float) -> int:
    """Returns the largest number of trials per arm that fits, or 0."""
    return next((number for number in TRIALS if cost(number) <= seconds), 0)


def climb(spec: RunSpec, least: int, most: int, reached: int) -> Iterator[tuple[RunSpec, int]]:
    """Yields the remaining runs of a training up to a rung, each with what its trunk already has.

    Args:
        spec: a run of the training, at any rung.
        least: the shortest rung of the network.
        most: the highest rung.
        reached: the rung that the training has reached; 0 if none.
    """
    before = reached
    for rung in rungs(least, most):
        if rung > reached:
            wanted = replace(spec, rung=rung)
            yield wanted, trunk_samples(wanted, before)
            before = rung


def trunk_samples(spec: RunSpec, reached: int) -> int:
    """Returns with how many samples, or images with cached features, a training continues after a rung."""
    if not reached:
        return 0
    return reached if spec.arm.scope is Scope.FROZEN else branch_point(replace(spec, rung=reached))


def run_spec(
    arm: Arm,
    study: StudySpec,
    *,
    purpose: Purpose,
    number: int,
    rung: int,
    hyper: HyperParams | None = None,
    source: tuple[str, str] = ("none", ""),
) -> RunSpec:
    """Returns the spec of a run; `number` is the number of the trial or the index of the seed."""
    trial = purpose is Purpose.TRIAL
    return RunSpec(
        arm=arm,
        purpose=purpose,
        seed=study.seed * 100_000 + (TUNING_SEED if trial else number + 1),
        hyper=hyper or default_hyper(arm),
        rung=rung,
        train_images=study.data.train_images,
        resolution=study.resolution,
        batch_size=NETWORKS[arm.model].batch_size,
        recipe=recipe_for(study.data),
        init_source=source[0],
        weights_sha256=source[1],
        precision=study.precision,
        fold=study.fold,
        trial=number if trial else None,
        dataset=study.dataset,
    )


def arms_of(models: Iterable[ModelName], left_out: Iterable[str] = ()) -> tuple[Arm, ...]:
    """Returns the arms of the networks without those whose names are in `left_out`."""
    return tuple(arm for arm in arms(models) if arm.name not in set(left_out))


def _new(step: Step, reached: Reached) -> bool:
    """Whether a step adds seeds or rungs to its networks and reduces none of them."""
    return all(
        step.rung >= reached[model][0] and step.seeds >= reached[model][1] for model in step.models
    ) and any((step.rung, step.seeds) != reached[model] for model in step.models)
