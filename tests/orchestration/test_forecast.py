"""What fits: networks, trials and steps, told as a plan before anything is begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_study import MODEL, SPEED, Answering, Study, opened, ran

from study.data import LabelledImages
from study.networks import DEFAULT, GOOGLENET
from study.orchestration.clock import LEAST_RESERVE
from study.orchestration.forecast import FILL, LEAST_CHAMPION_SHARE, Forecast, champion_seconds
from study.planning.calibration import total
from study.planning.cost import Speed
from study.planning.plan import Step, blank
from study.records import RunRecord, RunState
from study.spec import Precision, Purpose, Scope, StudySpec

BOTH = StudySpec(models=DEFAULT, precision=Precision.FP32)


def _study(
    folder: Path, fashion: LabelledImages, budget: float, capacity: int = 1, **rest: object
) -> object:
    return opened(
        folder,
        fashion,
        executor=Answering(ran, capacity),
        budget=budget,
        clock=lambda: 0.0,
        least_rung=2_000,
        trial_rung=2_000,
        rung=0,
        seeds=0,
        trials=0,
        only_small=False,
        **rest,
    )  # type: ignore[arg-type]


def _both(study: Study) -> Study:
    plan = study.context.plan
    for model in DEFAULT:
        plan.decisions[model] = blank(model)
        plan.speeds[model] = SPEED
    study.context.specs.reasons.clear()
    study.context.specs.reasons |= {
        arm.name: ""
        for model in DEFAULT
        for arm in study.context.specs.arms((model,))
        if arm.init.value == "pretrained"
    }
    return study


def test_a_network_that_does_not_fit_is_left_out_and_says_what_it_needs(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    with _study(tmp_path, fashion, 75, study=BOTH) as study:  # type: ignore[attr-defined]
        _both(study)
        forecast = Forecast(study.context)
        forecast.decide()
        decisions = study.context.plan.decisions
        assert (decisions["vgg11"].rung, decisions["googlenet"].rung) == (0, 2_000)
        needs = decisions["vgg11"].needs_seconds
        assert needs is not None and needs > 75
        assert study.context.specs.models == (GOOGLENET,)
        lines = forecast.lines()
        assert any(line.startswith("vgg11: left out; ") for line in lines)
        assert any("googlenet: 3 arms" in line for line in lines)
    longer = tmp_path / "longer"
    with _study(longer, fashion, 1.1 * needs, study=BOTH) as study:  # type: ignore[attr-defined]
        Forecast(_both(study).context).decide()
        assert study.context.plan.decisions["vgg11"].rung >= 4_000, "what it needed was true"


def test_the_champion_gets_less_before_a_network_is_left_out(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    """A budget that holds both networks with a part of the champion's quarter, then one with all of it."""
    with _study(tmp_path / "a", fashion, 10_000, study=BOTH) as study:  # type: ignore[attr-defined]
        needed = Forecast(_both(study).context).matrix(DEFAULT) / FILL
    told = []
    for name, share in (("b", 0.85), ("c", 0.6)):
        budget = (needed + LEAST_RESERVE) / share
        with _study(tmp_path / name, fashion, budget, study=BOTH) as study:  # type: ignore[attr-defined]
            context = _both(study).context
            context.plan.champion_seconds = context.options.champion_share * budget
            forecast = Forecast(context)
            forecast.decide()
            assert context.specs.models == DEFAULT
            assert context.matrix_left() >= needed - 0.01
            said = "less what" in "\n".join(forecast.lines())
            told.append((context.plan.champion_seconds / budget, said))
    (shortened, told_so), (whole, said_less) = told
    assert LEAST_CHAMPION_SHARE < shortened < 0.2 and told_so
    assert whole == 0.25 and not said_less


def test_a_plan_fits_the_seconds_and_more_workers_make_more(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    planned = []
    for capacity in (1, 2, 4):
        with _study(tmp_path / str(capacity), fashion, 3_000, capacity) as study:  # type: ignore[attr-defined]
            Forecast(study.context).decide()
            found = study.context.plan.decisions[MODEL]
            planned.append((found.rung, found.seeds))
            assert found.trials in (2, 3, 4, 5)
    assert planned[0][1] >= 3 and planned == sorted(planned) and planned[0] < planned[2]


def test_what_is_done_costs_nothing_more(tmp_path: Path, fashion: LabelledImages) -> None:
    with _study(tmp_path, fashion, 3_000) as study:  # type: ignore[attr-defined]
        forecast, step = Forecast(study.context), Step(models=(MODEL,), seeds=1, rung=4_000)
        whole = forecast.cost(step)
        calibration = study.context.calibration
        specs = [
            study.context.specs.final(arm, 0, rung)
            for arm in study.context.specs.arms()
            for rung in (2_000, 4_000)
        ]
        assert whole <= total([[calibration.expected(spec)] for spec in specs], 1)
        study.scheduler.run([iter([study.lifecycle.unit(specs[0])])])
        assert forecast.cost(step) < whole
        assert forecast.cost(step, reached={MODEL: (4_000, 1)}) == 0


@pytest.mark.parametrize("seeds", [1, 2])
def test_steps_keep_to_the_seeds_asked_for(tmp_path: Path, fashion: LabelledImages, seeds: int) -> None:
    asked = StudySpec(models=(MODEL,), precision=Precision.FP32, max_seeds=seeds)
    with _study(tmp_path, fashion, 40_000, study=asked) as study:  # type: ignore[attr-defined]
        forecast = Forecast(study.context)
        step = forecast.next(forecast.reached(), 30_000)
        assert step is not None and step.seeds == seeds
        assert forecast.cost(step) <= FILL * 30_000


def test_small_rungs_of_a_decision_are_obeyed(tmp_path: Path, fashion: LabelledImages) -> None:
    """The least rung is that of the plan, whatever the network's own is."""
    with opened(tmp_path, fashion, executor=Answering(ran), budget=120, clock=lambda: 0.0) as study:
        forecast = Forecast(study.context)
        forecast.decide()
        assert study.context.plan.decisions[MODEL].least_rung == 192
        step = forecast.next(forecast.reached(), 40.0)
        assert step is not None and step.rung % 192 == 0 and step.rung < 2_000


def test_nothing_is_left_out_where_everything_is_done(tmp_path: Path, fashion: LabelledImages) -> None:
    """Near the end of a study nothing is left for the matrix, which needs nothing either."""
    now = [0.0]
    with opened(
        tmp_path,
        fashion,
        executor=Answering(ran),
        budget=600,
        clock=lambda: now[0],
        study=BOTH,
        only_small=False,
    ) as study:
        context = _both(study).context
        for model in DEFAULT:
            for arm in context.specs.arms((model,)):
                spec = context.specs.final(arm, 0, context.plan.decisions[model].least_rung)
                context.ledger.commit(RunRecord(spec=spec, state=RunState.FINISHED))
        now[0] = 500.0
        assert champion_seconds(context) < 60 < 150
        context.plan.champion_seconds = 150.0  # as reserved at the start of the study
        Forecast(context).decide()
        assert context.specs.models == DEFAULT


def test_an_extension_is_not_for_the_champion_alone(tmp_path: Path, fashion: LabelledImages) -> None:
    with _study(tmp_path, fashion, 1_000) as study:  # type: ignore[attr-defined]
        context = study.context
        assert champion_seconds(context) == 250
        arm = next(arm for arm in context.specs.arms() if arm.scope is Scope.FULL)
        spec = replace(context.specs.final(arm, 0, 8_000), purpose=Purpose.CHAMPION)
        row = context.calibration.row(spec)
        context.plan.rows += [row, row | {"actual_seconds": 170.0}]
        assert champion_seconds(context) == 80
        context.plan.rows.append(row | {"actual_seconds": 170.0})
        assert champion_seconds(context) == 0


@pytest.mark.parametrize(("reserved", "inference", "kept"), [(20.0, 900, True), (20.0, 9_000, False)])
def test_a_champion_gets_what_the_shortest_one_needs_or_nothing(
    tmp_path: Path, fashion: LabelledImages, reserved: float, inference: float, kept: bool
) -> None:
    """15,024 images are judged: with start and training in 27 s at 900 a second, in 10 s at 9,000."""
    with _study(tmp_path, fashion, 600) as study:  # type: ignore[attr-defined]
        context = study.context
        context.plan.speeds[MODEL] = Speed(train=300, inference=inference, build=0.3)
        context.plan.champion_seconds = reserved
        Forecast(context).decide()
        need = 8 + 1.15 * 15_024 / inference
        assert context.plan.champion_seconds == pytest.approx(max(need, reserved))
        assert (need > reserved) is kept
        context.clock.work = context.clock.work.within(context.clock.work.left())
        context.plan.champion_seconds = 1.0
        context.clock.work = context.clock.work.within(Forecast(context).matrix((MODEL,)))
        Forecast(context).decide()
        assert context.plan.champion_seconds == 0, "the matrix has what does not suffice for a champion"
        assert "champion: the best network gets what no whole step can use" in Forecast(context).lines()


def test_a_network_of_failed_arms_does_not_stop_the_other(tmp_path: Path, fashion: LabelledImages) -> None:
    with _study(tmp_path, fashion, 3_000, study=BOTH) as study:  # type: ignore[attr-defined]
        context = _both(study).context
        first, second = DEFAULT
        for model, state in ((first, RunState.FAILED), (second, RunState.FINISHED)):
            for arm in context.specs.arms((model,)):
                spec = context.specs.final(arm, 0, context.plan.decisions[model].least_rung)
                context.ledger.commit(RunRecord(spec=spec, state=state))
        forecast = Forecast(context)
        assert set(forecast.reached()) == {second}
        step = forecast.next(forecast.reached(), 3_000)
        assert step is not None and step.models == (second,)
        forecast.decide()
        assert all(item["needs_seconds"] < 1e6 for item in context.plan.left_out)
