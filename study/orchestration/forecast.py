"""Predicts the cost of steps of the plan and decides which of them fit into the time that is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from study.budget import format_seconds
from study.networks import ModelName
from study.orchestration.context import StudyContext
from study.planning.calibration import total
from study.planning.plan import (
    TRIALS_SHARE,
    Reached,
    Step,
    after,
    blank,
    climb,
    next_step,
    one_more_seed,
    trials_that_fit,
)
from study.spec import Purpose, RunSpec, Scope
from study.training.judging import judged

#: A step fits if it is predicted to take at most this share of the time left; some runs take longer.
FILL = 0.93
#: Share of the budget that the champion keeps where the networks' shortest rungs need the rest of its time.
LEAST_CHAMPION_SHARE = 0.1
#: With fewer seconds to train no champion is trained. They are few on purpose: what it adds to the matrix
#: is little then, but only the champion is judged on the whole test set, saved and used by `predict`.
LEAST_CHAMPION = 5.0
#: Seconds for building a network and reading its trunk.
_START = 3.0
#: Maximum number of steps that a forecast looks ahead.
_MOST_STEPS = 100


def champion_seconds(context: StudyContext) -> float:
    """Returns the seconds to reserve for the champion.

    They are its share of the budget less what earlier starts have spent on it; otherwise nearly all of an
    extension would go to the champion.
    """
    share = context.options.champion_share * context.clock.deadline.budget
    rows = (row for row in context.plan.rows if row["phase"] == Purpose.CHAMPION.value)
    spent = sum(row["actual_seconds"] or 0.0 for row in rows)
    return min(max(0.0, share - spent), max(0.0, context.clock.work.left()))


def judging_seconds(context: StudyContext, spec: RunSpec) -> float:
    """Returns the seconds to reserve for a champion's final evaluation, with a small margin."""
    speed = context.plan.speeds[spec.arm.model]
    images_per_second: float = speed.inference * context.champion_threads**0.7
    return _START + 1.15 * judged(spec).total / images_per_second


class Forecast:
    """Predicts seconds of steps on the workers of a study from its calibration."""

    def __init__(self, context: StudyContext, *, beside_champion: bool = False) -> None:
        """
        Args:
            context: the study.
            beside_champion: whether the champion occupies its share of the workers.
        """
        self._context = context
        self._specs, self._plan = context.specs, context.plan
        self._workers = self._plan.workers
        self._beside_champion = beside_champion
        if beside_champion:
            self._workers = max(1, self._workers - context.champion_threads)

    def least(self, model: ModelName) -> int:
        return self._plan.decisions[model].least_rung

    def reached(self) -> Reached:
        """Returns the rung and number of seeds that each network has reached."""
        return self._specs.reached_by_all({model: self.least(model) for model in self._specs.models})

    def next(self, reached: Reached, seconds: float, begun: Iterable[Step] = ()) -> Step | None:
        """Returns the next step that fits into `seconds`, or None.

        Args:
            reached: what each network has reached.
            seconds: time that is left.
            begun: steps that have started; what remains of them must fit too.
        """
        if not reached:
            return None
        coming = reduce(after, begun, reached)

        def cost(step: Step) -> float:
            return self.cost(step, *begun, reached=reached)

        def fits(step: Step) -> bool:
            return cost(step) <= FILL * seconds

        most, least = self._context.study.max_seeds, {model: self.least(model) for model in coming}
        step = next_step(coming, fits, most, least, cost)
        if step is None and self._beside_champion:  # what the champion itself cannot use
            step = one_more_seed(coming, fits, most, cost)
        return step

    def cost(self, *steps: Step, reached: Reached | None = None) -> float:
        """Predicts the seconds that the remaining runs of `steps` take.

        Args:
            steps: the steps; a run that several of them contain counts once.
            reached: rungs and seeds to regard as done, in addition to those in the ledger.
        """
        tops: dict[tuple[ModelName, int], int] = {}
        for step in steps:
            for model in step.models:
                for number in range(step.seeds):
                    tops[model, number] = max(tops.get((model, number), self.least(model)), step.rung)
        trainings = []
        for (model, number), top in tops.items():
            have, seeds = (reached or {}).get(model, (0, 0))
            for arm in self._specs.arms((model,)):
                spec = self._specs.final(arm, number, top)
                if self._specs.failed(spec):
                    continue
                known = max(self._specs.reached(spec), have if number < seeds else 0)
                way = climb(spec, self.least(model), top, known)
                trainings.append([self._seconds(wanted, done) for wanted, done in way])
        return total(trainings, self._workers)

    def matrix(self, models: Iterable[ModelName]) -> float:
        """Predicts the seconds of the remaining runs of the networks' arms at their shortest rung."""
        trainings = []
        for model in models:
            least = self.least(model)
            for arm in self._specs.arms((model,)):
                way = self._specs.way_up(arm, 0, least, least, default=True)
                trainings.append([self._seconds(spec, done) for spec, done in way])
        return total(trainings, self._workers)

    def trials(self, number: int) -> float:
        """Predicts the seconds that the remaining ones of `number` trials per arm take."""
        trainings = [
            [
                self._seconds(self._specs.trial(arm, 0, self._plan.decisions[arm.model].trial_rung), 0)
                for trial in range(number)
                if not self._specs.tuned(arm, trial)
            ]
            for arm in self._specs.arms()
        ]
        return total(trainings, self._workers)

    def decide(self) -> None:
        """Decides which networks are studied and how many trials each arm gets.

        If the shortest rung does not fit for all arms, the champion gets less time; if that is not enough,
        networks are left out, the most expensive first. The champion gets the seconds that the shortest one
        needs, where they are there; less than half of them go to the matrix. No trials are added once final
        runs use hyperparameters that tuning has chosen.
        """
        context, plan = self._context, self._plan
        for model in context.study.models:
            plan.decisions.setdefault(model, blank(model))
        models = list(context.study.models)
        while len(models) > 1 and 0 < self.matrix(models) > FILL * self._most_left():
            dearest = max(models, key=lambda model: self.matrix((model,)))
            models.remove(dearest)
            needs = self._budget_for_more(self.matrix((*models, dearest)) / FILL - self._most_left())
            plan.decisions[dearest] = replace(plan.decisions[dearest], needs_seconds=needs)
            self._specs.left_out.add(dearest)
        missing = self.matrix(models) / FILL - context.matrix_left()
        plan.champion_seconds -= min(max(0.0, missing), self._spare_of_champion())
        need, spare = self._least_champion(models), context.matrix_left() - self.matrix(models) / FILL
        if 0 < plan.champion_seconds < need:
            if need - plan.champion_seconds <= spare:
                plan.champion_seconds = need
            elif plan.champion_seconds < need / 2:  # else the matrix may leave the rest
                plan.champion_seconds = 0.0
        left = context.matrix_left()
        rest = left - self.matrix(models)
        closed = self._specs.tuning_closed
        trials = trials_that_fit(self.trials, TRIALS_SHARE * left) if rest > 0 and not closed else 0
        least = {model: (self.least(model), 1) for model in models}
        again = Step(models=tuple(models), seeds=1, rung=max(map(self.least, models)))
        while trials and self.trials(trials) + self.cost(again) > FILL * rest:
            trials = trials - 1 if trials > 2 else 0
        for model in models:
            name = model
            made = plan.decisions[name].trials if closed else trials
            plan.decisions[name] = replace(plan.decisions[name], trials=made, needs_seconds=None)
        reached = self.reached()
        if not trials:
            reached = {model: max(found, least[model]) for model, found in reached.items()}
        self._look_ahead(reached, rest - (self.trials(trials) if trials else 0.0))

    def note_decision(self, step: Step) -> None:
        """Records a step that has started as the plan of its networks."""
        for model in step.models:
            plan = self._plan.decisions[model]
            self._plan.decisions[model] = replace(
                plan, rung=max(plan.rung, step.rung), seeds=max(plan.seeds, step.seeds)
            )
        self._plan.save()

    def _look_ahead(self, reached: Reached, seconds: float) -> None:
        """Fills in what the coming steps will reach, and what a larger budget would add."""
        begun: list[Step] = []
        while len(begun) < _MOST_STEPS and (step := self.next(reached, seconds, begun)) is not None:
            begun.append(step)
        seconds -= self.cost(*begun, reached=reached)
        reached = reduce(after, begun, reached)
        for model, (rung, seeds) in reached.items():
            plan = self._plan.decisions[model]
            self._plan.decisions[model] = replace(
                plan, rung=max(rung, plan.least_rung), seeds=max(seeds, 1)
            )
        self._plan.left_out[:] = self._beyond(reached, seconds)

    def _beyond(self, reached: Reached, seconds: float) -> list[dict[str, object]]:
        """Returns what a larger budget would add."""
        found: list[dict[str, object]] = []
        models = tuple(reached)
        for model in self._specs.left_out:
            needs = self._plan.decisions[model].needs_seconds
            found.append({"what": f"network {model}", "needs_seconds": needs})
        if models and not any(self._plan.decisions[model].trials for model in models):
            needs = self._budget_for(self.trials(2) / TRIALS_SHARE)
            found.append({"what": "tuning", "needs_seconds": needs})
        if models:
            rung = max(max(rung for rung, _ in reached.values()), max(map(self.least, models)))
            fewest = min(seeds for _, seeds in reached.values())
            wanted = min(3, self._context.study.max_seeds or 3)
            step = Step(models=models, seeds=wanted, rung=rung)
            if fewest >= wanted:
                step = Step(models=models, seeds=fewest, rung=2 * min(r for r, _ in reached.values()))
            what = f"{wanted} seeds" if fewest < wanted else f"rung {step.rung}"
            more = max(0.0, self.cost(step, reached=reached) / FILL - seconds)
            found.append({"what": what, "needs_seconds": self._budget_for_more(more)})
        return found

    def _spare_of_champion(self) -> float:
        """Returns the seconds by which the champion's time may be shortened."""
        least = LEAST_CHAMPION_SHARE * self._context.clock.deadline.budget
        return max(0.0, self._plan.champion_seconds - least)

    def _least_champion(self, models: Iterable[ModelName]) -> float:
        """Returns the seconds that the shortest champion takes."""
        specs = (
            replace(self._specs.final(arm, 0, self.least(model)), purpose=Purpose.CHAMPION)
            for model in models
            for arm in self._specs.arms((model,))
            if arm.scope is Scope.FULL
        )
        judging = (judging_seconds(self._context, spec) for spec in specs)
        return LEAST_CHAMPION + min(judging, default=0.0)

    def _most_left(self) -> float:
        """Returns the seconds left for the matrix if the champion gets as little time as possible."""
        return self._context.matrix_left() + self._spare_of_champion()

    def _budget_for(self, seconds: float) -> float:
        """Returns the budget that leaves `seconds` for the matrix."""
        return self._budget_for_more(max(0.0, seconds / FILL - self._context.matrix_left()))

    def _budget_for_more(self, seconds: float) -> float:
        """Returns the budget that leaves the matrix `seconds` more than the present budget."""
        budget = self._context.clock.deadline.budget
        share = max(0.2, self._context.matrix_left() / budget)
        return budget + seconds / share

    def _seconds(self, spec: RunSpec, done: int) -> float:
        return self._context.calibration.expected(spec, done)

    # ---- words
    def lines(self) -> list[str]:
        """Returns the plan in words, one line each."""
        plan, context = self._plan, self._context
        told = []
        for model in context.study.models:
            decision = plan.decisions[model]
            if model in self._specs.left_out:
                needed = format_seconds(decision.needs_seconds or 0)
                told.append(f"{model}: left out; {needed} would bring it in")
                continue
            arms = len(self._specs.arms((model,)))
            trials = f"{decision.trials} tuning trials each, then " if decision.trials else ""
            images = context.study.data.train_images
            epochs = decision.rung / images
            told.append(
                f"{model}: {arms} arms, {trials}{decision.seeds} seed{'s' * (decision.seeds > 1)}, "
                f"up to {decision.rung:,} samples ({epochs:.2f} epochs of {images:,} images)"
            )
        usual = champion_seconds(context)
        shorter = plan.champion_seconds < usual - 1
        why = f" ({format_seconds(usual)}, less what the shortest trainings need)" if shorter else ""
        seconds = format_seconds(plan.champion_seconds)
        goes_on = f"goes on for {seconds}{why} and for" if plan.champion_seconds else "gets"
        told.append(f"champion: the best network {goes_on} what no whole step can use")
        if plan.side_seconds:
            told.append(f"side experiments: {format_seconds(plan.side_seconds)}")
        for item in plan.left_out:
            told.append(
                f"not in this budget: {item['what']}; about "
                f"{format_seconds(item['needs_seconds'] or 0)} would bring it in"
            )
        return told
