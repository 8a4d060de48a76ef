"""What fits: steps of the plan with their predicted seconds, for the study and for its forecast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from study.budget import format_seconds
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
    trials_that_fit,
)
from study.spec import TRAIN_IMAGES, ModelName, RunSpec

#: The share of the seconds left that a step may be predicted to take; runs cost now and then more.
FILL = 0.93
#: The planned steps that a forecast looks ahead at most.
_MOST_STEPS = 40


class Forecast:
    """Costs of steps by the calibration of a study, side by side on its workers."""

    def __init__(self, context: StudyContext) -> None:
        self._context = context
        self._specs, self._plan = context.specs, context.plan

    def least(self, model: ModelName) -> int:
        return self._plan.decisions[model.value].least_rung

    def reached(self) -> Reached:
        """What the networks of the study have by now."""
        return self._specs.reached_by_all({model: self.least(model) for model in self._specs.models})

    def next(self, reached: Reached, seconds: float) -> Step | None:
        """The next step that fits so many seconds."""
        if not reached:
            return None

        def cost(step: Step) -> float:
            return self.cost(step, reached)

        return next_step(reached, lambda step: cost(step) <= FILL * seconds, self._context.study.max_seeds,
                         {model: self.least(model) for model in reached}, cost)  # fmt: skip

    def cost(self, step: Step, reached: Reached | None = None) -> float:
        """Predicted seconds of what is left of a step.

        Args:
            reached: where it is given, what it says is taken for done, beside what is.
        """
        costs = []
        for model in step.models:
            have, seeds = (reached or {}).get(model, (0, 0))
            for arm in self._specs.arms((model,)):
                for number in range(step.seeds):
                    spec = self._specs.final(arm, number, step.rung)
                    if self._specs.failed(spec):
                        continue
                    known = max(self._specs.reached(spec), have if number < seeds else 0)
                    way = climb(spec, self.least(model), max(step.rung, self.least(model)), known)
                    costs += [self._seconds(wanted, done) for wanted, done in way]
        return total(costs, self._plan.workers)

    def matrix(self, models: Iterable[ModelName]) -> float:
        """Predicted seconds of what is left of every arm of these networks at its least rung."""
        costs = []
        for model in models:
            least = self.least(model)
            for arm in self._specs.arms((model,)):
                way = self._specs.way_up(arm, 0, least, least, default=True)
                costs += [self._seconds(spec, done) for spec, done in way]
        return total(costs, self._plan.workers)

    def trials(self, number: int) -> float:
        """Predicted seconds of what is left of so many trials of every arm."""
        costs = [
            self._seconds(self._specs.trial(arm, 0, self._plan.decisions[arm.model.value].trial_rung), 0)
            for arm in self._specs.arms() for trial in range(number) if not self._specs.tuned(arm, trial)
        ]  # fmt: skip
        return total(costs, self._plan.workers)

    def decide(self) -> None:
        """Decide which networks are studied and how many trials their arms get; told as a plan.

        A network whose least rung does not fit in all its arms is left out, the dearest first. Once
        tuning has chosen hyperparameters that final runs are made with, no trial is added.
        """
        context, plan = self._context, self._plan
        for model in context.study.models:
            plan.decisions.setdefault(model.value, blank(model))
        left = context.matrix_left()
        models = list(context.study.models)
        while len(models) > 1 and self.matrix(models) > FILL * left:
            dearest = max(models, key=lambda model: self.matrix((model,)))
            models.remove(dearest)
            needs = self._budget_for(self.matrix((*models, dearest)))
            plan.decisions[dearest.value] = replace(plan.decisions[dearest.value], needs_seconds=needs)
            self._specs.left_out.add(dearest)
        rest = left - self.matrix(models)
        closed = self._specs.tuning_closed
        trials = trials_that_fit(self.trials, TRIALS_SHARE * left) if rest > 0 and not closed else 0
        least = {model: (self.least(model), 1) for model in models}
        again = Step(models=tuple(models), seeds=1, rung=max(map(self.least, models)))
        while trials and self.trials(trials) + self.cost(again) > FILL * rest:
            trials = trials - 1 if trials > 2 else 0
        for model in models:
            name = model.value
            made = plan.decisions[name].trials if closed else trials
            plan.decisions[name] = replace(plan.decisions[name], trials=made, needs_seconds=None)
        reached = {model: self._specs.reached_of(model, self.least(model)) for model in models}
        if not trials:
            reached = {model: max(found, least[model]) for model, found in reached.items()}
        self._look_ahead(reached, rest - (self.trials(trials) if trials else 0.0))

    def note_decision(self, step: Step) -> None:
        """The step that is begun is the plan of its networks."""
        for model in step.models:
            plan = self._plan.decisions[model.value]
            self._plan.decisions[model.value] = replace(
                plan, rung=max(plan.rung, step.rung), seeds=max(plan.seeds, step.seeds)
            )
        self._plan.save()

    def _look_ahead(self, reached: Reached, seconds: float) -> None:
        """Fill the decisions with what the steps to come will reach, and what lies beyond them."""
        for _ in range(_MOST_STEPS):
            step = self.next(reached, seconds)
            if step is None:
                break
            seconds -= self.cost(step, reached)
            reached = after(reached, step)
        for model, (rung, seeds) in reached.items():
            plan = self._plan.decisions[model.value]
            self._plan.decisions[model.value] = replace(
                plan, rung=max(rung, plan.least_rung), seeds=max(seeds, 1)
            )
        self._plan.left_out[:] = self._beyond(reached, seconds)

    def _beyond(self, reached: Reached, seconds: float) -> list[dict[str, object]]:
        """What more budget would bring in."""
        found: list[dict[str, object]] = []
        models = tuple(reached)
        for model in self._specs.left_out:
            needs = self._plan.decisions[model.value].needs_seconds
            found.append({"what": f"network {model}", "needs_seconds": needs})
        if models and not any(self._plan.decisions[model.value].trials for model in models):
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
            more = max(0.0, self.cost(step, reached) / FILL - seconds)
            found.append({"what": what, "needs_seconds": self._budget_for_more(more)})
        return found

    def _budget_for(self, seconds: float) -> float:
        """The budget in which so many seconds are left for the matrix."""
        return self._budget_for_more(max(0.0, seconds / FILL - self._context.matrix_left()))

    def _budget_for_more(self, seconds: float) -> float:
        """The budget that leaves so many seconds more to the matrix than this one."""
        budget = self._context.clock.deadline.budget
        share = max(0.2, self._context.matrix_left() / budget)
        return budget + seconds / share

    def _seconds(self, spec: RunSpec, done: int) -> float:
        return self._context.calibration.expected(spec, done)

    # ---- words
    def lines(self) -> list[str]:
        """The plan in words."""
        plan, context = self._plan, self._context
        told = []
        for model in context.study.models:
            decision = plan.decisions[model.value]
            if model in self._specs.left_out:
                needed = format_seconds(decision.needs_seconds or 0)
                told.append(f"{model}: left out; {needed} would bring it in")
                continue
            arms = len(self._specs.arms((model,)))
            trials = f"{decision.trials} tuning trials each, then " if decision.trials else ""
            epochs = decision.rung / TRAIN_IMAGES
            told.append(
                f"{model}: {arms} arms, {trials}{decision.seeds} seed{'s' * (decision.seeds > 1)}, "
                f"up to {decision.rung:,} samples ({epochs:.2f} epochs of 54,000 images)"
            )
        seconds = format_seconds(plan.champion_seconds)
        told.append(f"champion: the best network goes on for {seconds} and for what no whole step can use")
        if plan.side_seconds:
            told.append(f"side experiments: {format_seconds(plan.side_seconds)}")
        for item in plan.left_out:
            told.append(f"not in this budget: {item['what']}; about "
                        f"{format_seconds(item['needs_seconds'] or 0)} would bring it in")  # fmt: skip
        return told


