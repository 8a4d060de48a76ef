"""Chooses what the sheet for the defence says: the questions, and the sentences of each answer.

A sentence is a macro of `answers/defence.html`, which every language has. Which sentences are said, and
with which values, is decided here alone, so that no answer can differ between the languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.imagenet_witness import IMAGENET
from study.analysis.verdicts import EQUIVALENCE_MARGIN_PP, MANY_SEEDS, Family, Reason, Verdict
from study.networks import NETWORKS
from study.report.data.derived import LeftOut, Reading, Tried
from study.report.data.report_data import ReportData
from study.report.figures.curves import course

#: How many times the budget the last question offers.
TIMES = 10
#: Key of the arms whose features nobody trained.
_UNTAUGHT = "scratch-frozen"
#: A number of plan.json with so many digits is not one that the planner writes.
_MOST_DIGITS = 12
_ESTABLISHED = (Verdict.BETTER, Verdict.WORSE, Verdict.EQUIVALENT)


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence of an answer.

    Attributes:
        name: its macro in `answers/defence.html`.
        values: what the macro prints.
    """

    name: str
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with its answer.

    Attributes:
        name: its text in `words.defence["question"]`.
        answer: the sentences in order.
    """

    name: str
    answer: tuple[Sentence, ...]


def questions(data: ReportData) -> tuple[Question, ...]:
    """Returns what a teacher will ask after this report, with answers from its data."""
    reading, first = Reading(data), _pixels(data)
    return (
        first,
        _question("epochs", _epochs(data)),
        _question("rates", _rates(data, reading)),
        _question("imagenet", _imagenet(data)),
        _question("intervals", _intervals(data)),
        _verdicts(data),
        _question("freezing", _freezing(data)),
        _question("budget", _budget(data, reading, told=first)),
    )


def say(name: str, **values: Any) -> Sentence:
    return Sentence(name=name, values=values)


def _question(name: str, answer: Iterable[Sentence]) -> Question:
    return Question(name=name, answer=tuple(answer))


def _numbers(data: ReportData, finding: str) -> dict[str, Any]:
    """Returns the numbers of a finding; {} if there is no such finding."""
    found = data.findings.get(finding)
    return dict(found["numbers"]) if found else {}


def _pixels(data: ReportData) -> Question:
    """Why the best network is above or below a softmax on raw pixels."""
    n = _numbers(data, "adequacy")
    if n.get("test_accuracy") is None or not n.get("arm"):
        return _question("baseline", [say("no_runs")])
    n["key"] = str(n["arm"]).removeprefix(f"{n['model']}-")
    n["subject"] = "champion" if n["champion"] else "best"
    if n["pixels_accuracy"] is None:
        return _question("baseline", [say("no_baseline", **n)])
    answer = [say("against_pixels", **n)]
    if n["beats_pixels"]:
        name = "baseline_above"
        answer.append(say("why_above"))
    elif n["difference_high_pp"] is not None and n["difference_high_pp"] < 0:
        name = "baseline_below"
        answer.append(say("why_below_gap" if n["gap_small"] is False else "why_below", **n))
        answer += _growth(data, str(n["arm"]))
    else:
        name = "baseline_unclear"
        answer += [say("why_unclear"), *_growth(data, str(n["arm"]))]
    return _question(name, [*answer, *_arms_below(data, n), say("adequacy")])


def _arms_below(data: ReportData, n: dict[str, Any]) -> Iterable[Sentence]:
    """Which arms are below the softmax on pixels."""
    below, total = n["below_pixels"], len(data.finished)
    if not below:
        yield say("no_arm_below", total=total)
        return
    yield say("arms_below", count=len(below), total=total)
    taught = [arm for arm in data.finished if arm.name in below and arm.key != _UNTAUGHT]
    if len(taught) < len(below):
        yield say("random_features", count=len(below) - len(taught))
    images = n["pixels_train_images"] or 0
    short = {arm.model: arm.rung for arm in taught if arm.rung is not None and arm.rung < images}
    if short:
        yield say("regression_saw_all", images=images, lengths=list(short.items()))


def _growth(data: ReportData, name: str) -> list[Sentence]:
    """Whether an arm was still gaining at its last rungs."""
    arm = data.arm(name)
    points = course(data, arm) if arm is not None else None
    if arm is None or points is None or len(points.mean) < 2:
        return []
    before, last = (float(share) / 100 for share in points.mean[-2:])
    shorter, longer = (int(count) for count in points.images[-2:])
    told = "still_gaining" if last > before else "no_longer_gaining"
    lengths = {"shorter": shorter, "longer": longer}
    return [say(told, model=arm.model, key=arm.key, before=before, last=last, **lengths)]


def _epochs(data: ReportData) -> Iterable[Sentence]:
    """How many epochs each network saw."""
    if not data.finished:
        yield say("no_runs")
        return
    images = data.dataset.train_images
    yield say("epoch", images=images)
    for model in data.models:
        rung = data.rung(model)
        if rung is None:
            yield say("not_trained", model=model)
        else:
            seeds = data.seeds_of(model)
            yield say("epochs_of", model=model, rung=rung, epochs=rung / images, seeds=seeds)
    champion = data.champion
    if champion is None:
        yield say("no_champion")
    else:
        rung = int(champion.rung)
        epochs, seconds = rung / images, champion.train_seconds
        yield say("epochs_of_champion", model=champion.model, rung=rung, epochs=epochs, seconds=seconds)
    short = [model for model in data.models if 0 < (data.rung(model) or 0) < images]
    n = _numbers(data, "design")
    if short and n.get("budget_seconds"):
        known = {name: n[name] for name in ("budget_seconds", "runs_finished", "arms_finished")}
        yield say("less_than_an_epoch", models=short, **known)


def _rates(data: ReportData, reading: Reading) -> Iterable[Sentence]:
    """Why these learning rates, and how they were tuned."""
    tried = reading.tried()
    if not data.finished and not tried:
        yield say("no_runs")
        return
    if not tried:
        rates = [arm.lr for arm in data.finished if arm.lr is not None]
        yield say("untuned", lowest=min(rates, default=None), highest=max(rates, default=None))
        return
    yield say("tuned", trials=len(data.trials), lengths=reading.trial_rungs())
    yield say("equal_trials" if reading.equal_trials else "unequal_trials")
    chosen = [each.best for each in tried]
    yield say(
        "tried_rates",
        lowest=min(each.lowest for each in tried),
        highest=max(each.highest for each in tried),
        least=min(chosen),
        greatest=max(chosen),
    )
    yield from _at_edge(tried)
    decays = [each.best_decay for each in tried if each.best_decay is not None]
    if decays:
        yield say("decays", least=min(decays), greatest=max(decays))
    if data.champion is not None and data.champion.lr is not None:
        yield say("rate_of_champion", lr=data.champion.lr)


def _at_edge(tried: Sequence[Tried]) -> Iterable[Sentence]:
    edges = sum(each.at_edge for each in tried)
    yield say("at_edge", count=edges, total=len(tried)) if edges else say("not_at_edge", total=len(tried))


def _imagenet(data: ReportData) -> Iterable[Sentence]:
    """What would change with ImageNet weights."""
    groups: dict[str, list[str]] = {}
    for model, source in data.sources.items():
        groups.setdefault(_kind(source), []).append(model)
    if not groups:
        yield say("no_runs")
        return
    for kind, models in groups.items():
        yield say(f"weights_{kind}", models=models)
    if set(groups) != {"none"} and data.finished:
        yield say("effect_of_weights")
    lengths = [model for model in data.models if len(data.points(f"q2.by_length.{model}")) > 1]
    if lengths:
        yield say("effect_by_length", models=lengths)
    if set(groups) == {"imagenet"}:
        return
    witness = data.findings.get("witness")
    measured = witness is not None and witness["verdict"] != Verdict.NOT_MEASURED.value
    yield say("witness" if measured else "no_witness")
    yield say("imagenet_expected")


def _kind(source: str | None) -> str:
    if source in (None, "", "none"):
        return "none"
    return {IMAGENET: "imagenet", "fractal": "fractal"}.get(str(source), "other")


def _intervals(data: ReportData) -> Iterable[Sentence]:
    """Where the intervals come from."""
    if not data.finished:
        yield say("no_runs")
        return
    if data.seeds < 2:
        yield say("one_seed")
    else:
        equal = data.min_seeds == data.seeds
        yield say("paired_seeds" if equal else "unequal_seeds", least=data.min_seeds, most=data.seeds)
        tested = [n for n in _contrasts(data).values() if n["ci_low_pp"] is not None]
        judged = {found.test for model in data.models if (found := data.judged(model)) is not None}
        if judged and tested and all(n["images_in_interval"] for n in tested):
            yield say("with_images", images=sorted(judged))
        elif tested:
            yield say("without_images")
        if data.seeds < MANY_SEEDS:
            yield say("few_seeds", seeds=data.seeds)
    n = _numbers(data, "adequacy")
    if n.get("test_low") is not None:
        n["subject"] = "champion" if n["champion"] else "best"
        yield say("interval_of_one", **n)


def _contrasts(data: ReportData) -> dict[tuple[str, str], dict[str, Any]]:
    """Returns the numbers of each measured contrast that gets a verdict, with verdict and reason."""
    return {
        (str(n["contrast"]), found["model"]): {**n, "verdict": found["verdict"], "reason": found["reason"]}
        for found in data.findings.values()
        if (n := found["numbers"]).get("contrast")
        and n["family"] != Family.EXPLORATORY.value
        and found["verdict"] != Verdict.NOT_MEASURED.value
    }


def _verdicts(data: ReportData) -> Question:
    """Why a contrast is "not established"."""
    judged = list(_contrasts(data).values())
    if not judged:
        return _question("verdicts", [say("nothing_compared")])
    established = {verdict.value for verdict in _ESTABLISHED}
    lost = [n for n in judged if n["verdict"] not in established]
    meaning = say("equivalence", margin=EQUIVALENCE_MARGIN_PP)
    if not lost:
        return _question("all_verdicts", [say("all_established", total=len(judged)), meaning])
    answer = [say("not_established", count=len(lost), total=len(judged))]
    covers = [n for n in lost if n["reason"] == Reason.COVERS_ZERO.value]
    if covers:
        answer.append(say("covers_zero", count=len(covers)))
    found = [n["detectable_pp"] for n in covers if n["detectable_pp"] is not None]
    if found:
        answer.append(say("detectable", least=min(found), greatest=max(found)))
    for reason, name in ((Reason.MULTIPLICITY, "multiplicity"), (Reason.ONE_SEED, "one_pair")):
        count = sum(n["reason"] == reason.value for n in lost)
        if count:
            answer.append(say(name, count=count))
    return _question("verdicts", [*answer, meaning])


def _freezing(data: ReportData) -> Iterable[Sentence]:
    """What the difference is between frozen layers and a rate of zero."""
    yield say("rate_of_zero")
    normalised = [name for name, network in NETWORKS.items() if name in data.models and network.batch_norm]
    if normalised:
        yield say("batch_norm", models=normalised)
    yield say("frozen")
    costs = {model: _numbers(data, f"q3.cost.{model}") for model in data.models}
    known = {model: n for model, n in costs.items() if n.get("seconds_ratio") is not None}
    for model, n in known.items():
        yield say("cost_of", model=model, **n)
    if not known:
        yield say("no_cost")


def _budget(data: ReportData, reading: Reading, *, told: Question) -> Iterable[Sentence]:
    """What ten times the budget would be spent on; the question `told` may have said it already."""
    budget = data.plan.get("budget_seconds")
    if budget:
        yield say("more_budget", times=TIMES, seconds=budget, more=TIMES * budget)
    missing = len(reading.missing())
    if missing and data.arms:
        yield say("first_missing_arms", count=missing, total=len(data.arms))
    left = [item for item in reading.left_out() if _is_known(item)]
    fits = [item for item in left if item.seconds is not None and budget and item.seconds <= TIMES * budget]
    if fits:
        yield say("would_fit", left=fits)
    others = [item for item in left if item not in fits]
    if others:
        yield say("would_not_fit", left=others)
    if data.seeds:
        yield say("more_seeds", seeds=data.seeds)
    arm = _numbers(data, "best").get("arm")
    known = {sentence.name for sentence in told.answer}
    yield from (each for each in _growth(data, str(arm)) if each.name not in known)


def _is_known(item: LeftOut) -> bool:
    """Whether a text of plan.json is one that the planner writes."""
    if item.kind == "network":
        return item.value in NETWORKS
    if item.kind == "tuning":
        return not item.value
    return item.kind in ("seeds", "rung") and item.value.isdecimal() and len(item.value) < _MOST_DIGITS
