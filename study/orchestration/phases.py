"""The phases in which runs are made, in order; what is done already is passed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from study.orchestration.carrying import Carrier
from study.orchestration.course import Course
from study.orchestration.rounds import Rounds
from study.orchestration.stopping import Stop
from study.spec import Arm, StudySpec

#: A round of trials is begun if final runs of so many seeds fit behind it, and goes on while those of so
#: many do.
KEPT, LEAST_KEPT = 3, 1


@dataclass(frozen=True, kw_only=True)
class Phases:
    """draft: renders a first report; called when every arm has its first final run."""

    study: StudySpec
    course: Course
    rounds: Rounds
    carrier: Carrier
    stop: Stop
    draft: Callable[[], None]

    def matrix(self) -> None:
        """Every arm once with its default hyperparameters, before any arm is tuned."""
        for arm in self.rounds.arms():
            if self.rounds.decision(arm).trials:
                self.carrier.trial(arm, 0)
            else:
                self.carrier.run(self.rounds.final(arm, 0))

    def tuning(self) -> None:
        """Rounds of trials while final runs fit behind them: a slow machine costs every arm trials."""
        for number in range(1, self.rounds.most_trials):
            planned = [arm for arm in self.rounds.arms() if number < self.rounds.decision(arm).trials]
            going = [arm for arm in planned if not self.rounds.tuned(arm, number)]
            if going and not self._leaves_finals(going, number):
                told = f"tuning ends before round {number + 1} of {self.rounds.most_trials}"
                self.carrier.ledger.add_event("tuning_shortened", told)
                self.carrier.screen.say(f"{told}, so that the final runs fit")
                return
            aside = self.course.cost(self.rounds.kept(LEAST_KEPT))
            for arm in going:
                self.carrier.trial(arm, number, self.course.work.minus(aside))

    def _leaves_finals(self, going: list[Arm], number: int) -> bool:
        trials = [self.rounds.trial(arm, number) for arm in going]
        wanted = self.course.cost(trials) + self.course.cost(self.rounds.kept(KEPT))
        return self.stop.asked or wanted <= self.course.work.left()

    def finals(self) -> None:
        """The planned seeds, in rounds over the arms."""
        for number in range(self.rounds.most_seeds):
            for arm in self.rounds.arms():
                if number < self.rounds.decision(arm).seeds:
                    self.carrier.run(self.rounds.final(arm, number))
            if number == 0:
                self.draft()

    def side(self) -> None:
        """Rounds of side experiments within their share, as many as there are planned seeds."""
        course = self.course
        limit = course.work.within(course.side_seconds - course.witness_seconds - course.side_used)
        for number in range(self.rounds.most_seeds):
            for spec in self.rounds.side(number):
                self.carrier.run(spec, limit=limit)

    def further(self) -> None:
        """Further seeds while whole rounds fit: the arms of a network keep equal numbers."""
        going = list(self.study.models)
        for number in count(self.rounds.fewest_seeds):
            if self.stop.asked or number == self.study.max_seeds:
                return
            going = [model for model in going if not self.rounds.all_failed(model, number - 1)]
            rounds = self.rounds.further(number, going)
            fits = self.course.affordable(rounds)
            going = [model for model in going if model not in rounds or model in fits]
            if not going:
                return
            for arm in self.rounds.arms():
                spec = self.rounds.final(arm, number)
                if arm.model in fits:
                    self.carrier.run(spec)
                    if not self.rounds.done(spec.run_id):  # refused: its p95 did not fit
                        going = [model for model in going if model is not arm.model]
