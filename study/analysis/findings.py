"""Lists all findings; every id exists in every study, measured or not."""

from __future__ import annotations

import math
from collections.abc import Callable

from study.analysis import (
    ablations,
    adequacy,
    by_length,
    efficiency,
    evidence,
    lengths,
    matched_budget,
    networks,
    outcome,
    predictions,
    similarity,
)
from study.analysis.arms import Runs, champion, common_runs, main_runs, select
from study.analysis.contrasts import Estimate, detectable
from study.analysis.evidence import Measured
from study.analysis.family import ALL, NAMED, POOLED, rows_of
from study.analysis.finding import Finding
from study.analysis.imagenet_witness import witness
from study.analysis.sources import Sources
from study.analysis.verdicts import Reason, Verdict
from study.matrix import arms
from study.networks import ModelName, compared
from study.spec import FirstConv, Init, LrPolicy


def findings(sources: Sources, estimates: list[Estimate]) -> list[Finding]:
    """Returns all findings, contrasts first.

    Args:
        sources: the content of results/.
        estimates: from `study.analysis.contrasts.estimate`.
    """
    runs = main_runs(sources.rungs)
    studied = {str(model) for model in sources.results["model"]}
    found = _contrast_findings(runs, estimates, studied)
    for model in compared(studied):
        found += _model_findings(sources, runs, estimates, model, model in studied)
    return found + _study_findings(sources, runs, estimates)


def _contrast_findings(runs: Runs, estimates: list[Estimate], studied: set[str]) -> list[Finding]:
    found = []
    for item in estimates:
        verdict, reason = item.judged
        if item.model not in (POOLED, ALL, *studied):
            reason = Reason.MISSING_MODEL
        numbers = {
            "contrast": item.name,
            "effect_pp": item.effect,
            "ci_low_pp": item.low,
            "ci_high_pp": item.high,
            "n_pairs": item.per_seed.size,
            "p_value": item.p_value,
            "p_adjusted": item.p_adjusted,
            "family": item.family.value,
            "first_accuracy": item.first,
            "second_accuracy": item.second,
            "detectable_pp": detectable(item, estimates),
            "images_in_interval": item.with_images,
            "samples_equal": item.samples_equal,
            "rung": item.rung,
            "discriminative_pp": item.discriminative.mean,
            "discriminative_low_pp": item.discriminative.low,
            "discriminative_high_pp": item.discriminative.high,
            "depends_on_rates": item.depends_on_rates,
            "source": _source(runs, item.model),
        }
        contrast = NAMED[item.name]
        for question, prefix in contrast.answers:
            found.append(
                Finding(
                    id=prefix if item.model == ALL else f"{prefix}.{item.model}",
                    question=question,
                    claim=contrast.claim.format(*item.models),
                    verdict=verdict,
                    reason=reason,
                    model=item.model,
                    numbers=numbers,
                    rows=item.rows,
                )
            )
    return found


def _source(runs: Runs, model: str) -> str | None:
    """Returns the init source of the pretrained runs, ``mixed`` for several, None without runs."""
    names = {
        str(row["init_source"])
        for arm, seeds in select(runs, init=Init.PRETRAINED).items()
        if model in (POOLED, ALL, arm.model)
        for row in seeds.values()
    }
    return None if not names else names.pop() if len(names) == 1 else "mixed"


def _model_findings(
    sources: Sources, runs: Runs, estimates: list[Estimate], model: ModelName, studied: bool
) -> list[Finding]:
    found = lengths.paths(sources.rungs, runs)
    classes, labels = sources.predictions, sources.labels

    def three(contrast: str, cells: list[matched_budget.Cell]) -> Measured:
        test = _effect(estimates, contrast, model)
        return matched_budget.three_views(runs, found, sources.trials, cells, test_pp=test)

    def adaptation(other: FirstConv) -> Measured:
        weights = (sources.environment.get("weights") or {}).get(model) or {}
        return ablations.adaptation(sources.experiments, model, other, weights.get("channels"))

    catalogue: list[tuple[int, str, str, Callable[[], Measured]]] = [
        (
            1,
            "q1.provenance",
            "the weights' origin is known and passed its gate",
            lambda: networks.provenance(sources, runs, model),
        ),
        (
            1,
            "q1.pretext",
            "the pretext task was learnt",
            lambda: networks.pretext(sources, model),
        ),
        (
            2,
            "q2.by_length",
            "the effect of pre-training against the length of training",
            lambda: by_length.by_length(sources.rungs, classes, labels, model),
        ),
        (
            2,
            "q2.speed_to_target",
            "pretrained reaches the common target with fewer samples",
            lambda: efficiency.speed_to_target(runs, found, model, sources.pretraining.get(model) or {}),
        ),
        (
            2,
            "q2.labels",
            "pretrained reaches scratch's accuracy with fewer labels",
            lambda: ablations.labels(sources.experiments, model),
        ),
        (
            2,
            "q2.spread",
            "pretrained varies less over seeds",
            lambda: evidence.spread(runs, model),
        ),
        (3, "q3.cost", "frozen trains faster than full", lambda: evidence.cost(runs, model)),
        (
            3,
            "q3.gap",
            "the train-test gap of full is wider than that of frozen",
            lambda: evidence.gap(runs, model),
        ),
        (
            4,
            "q4.depth",
            "some but not all stages trained is more accurate than none or all",
            lambda: ablations.depth(sources.experiments, model, _stages(sources, model)),
        ),
        (
            4,
            "q4.drift",
            "uniform rates change the last backbone stage more than the first",
            lambda: networks.drift(sources, runs, model, LrPolicy.UNIFORM),
        ),
        (
            4,
            "q4.cka",
            "uniform rates leave the first stage more as it was than the last of the backbone",
            lambda: similarity.by_depth(sources, runs, model),
        ),
        (
            5,
            "q5.cka",
            "discriminative rates leave the backbone more as it was than uniform ones",
            lambda: similarity.by_policy(sources, runs, model),
        ),
        (
            5,
            "q5.drift",
            "discriminative rates change the last backbone stage more than the first",
            lambda: networks.drift(sources, runs, model, LrPolicy.DISCRIMINATIVE),
        ),
        (
            5,
            "q5.lr_decay",
            "the factor between neighbouring stages",
            lambda: networks.lr_decay(sources, runs, model),
        ),
        (
            6,
            "q6.architecture",
            "the adapted first layer equals the original on the same images",
            lambda: networks.architecture(sources, model),
        ),
        (
            6,
            "q6.first_conv",
            "the pretrained first convolution is more accurate than a fresh one",
            lambda: adaptation(FirstConv.FRESH),
        ),
        (
            6,
            "q6.channel_sum",
            "the sum over the channels is more accurate than their mean",
            lambda: adaptation(FirstConv.MEAN),
        ),
        (
            7,
            "q7.views",
            "one init leads at equal samples and at equal seconds",
            lambda: three("init@full", matched_budget.init_cells(model)),
        ),
        (
            7,
            "q7.views.scope",
            "one scope leads at equal samples and at equal seconds",
            lambda: three("scope@pretrained", matched_budget.scope_cells(model)),
        ),
        (
            7,
            "q7.views.lr_policy",
            "one lr_policy leads at equal samples and at equal seconds",
            lambda: three("lr_policy@pretrained", matched_budget.policy_cells(model)),
        ),
        (
            7,
            "q7.mcnemar",
            "one particular pretrained network errs less than its scratch pair",
            lambda: predictions.mcnemar(runs, classes, labels, model),
        ),
        (
            7,
            "q7.calibration",
            "pretrained is better calibrated",
            lambda: predictions.calibration(runs, model),
        ),
        (
            0,
            "best",
            "the network's arm that is best on validation",
            lambda: predictions.best(select(runs, model=model)),
        ),
    ]
    return [
        _finding(f"{prefix}.{model}", question, claim, model, measure(), studied=studied)
        for question, prefix, claim, measure in catalogue
    ]


def _study_findings(sources: Sources, runs: Runs, estimates: list[Estimate]) -> list[Finding]:
    studied = set(sources.results["model"])
    among = compared(studied)
    planned = [arm for arm in arms(among) if arm.model in studied] or list(arms(among))
    best = predictions.best_arm(runs)
    row = champion(sources.results) or (best[1] if best else None)
    common = common_runs(sources.rungs)
    paths = lengths.paths(sources.rungs, common)
    between = [
        _finding(
            "q7.views.model" if row_name == ALL else f"q7.views.model.{other}",
            7,
            "one network leads at equal samples and at equal seconds",
            row_name,
            matched_budget.three_views(
                common,
                paths,
                sources.trials,
                matched_budget.model_cells(other, first),
                test_pp=_effect(estimates, "model", row_name),
            ),
        )
        for row_name, (first, other) in rows_of(NAMED["model"], among)
    ]
    return [
        *between,
        _finding(
            "witness",
            1,
            "EfficientNet-Lite0: ImageNet features classify better than random ones",
            ALL,
            witness(sources),
        ),
        _finding("best", 0, "the arm that is best on validation", ALL, predictions.best(runs)),
        _finding(
            "confusion",
            7,
            "classes confused by the champion, else by the best network",
            ALL,
            predictions.confusion(row, sources.predictions, sources.labels, len(sources.data.classes)),
        ),
        _finding(
            "adequacy",
            0,
            "the champion, else the best network, is adequate",
            ALL,
            adequacy.adequacy(row, runs, sources.baselines, sources.data),
        ),
        _finding(
            "design",
            0,
            "every planned arm has a finished run",
            ALL,
            outcome.design(sources, runs, len(planned)),
        ),
        _finding(
            "object",
            0,
            "the chosen object is classified correctly",
            ALL,
            outcome.chosen_object(sources, runs, row, best[0] if best else None),
        ),
    ]


def _stages(sources: Sources, model: ModelName) -> int:
    """Returns the number of stages below the output layer, from architecture.json; 0 if unknown."""
    return len((sources.architecture.get(model) or {}).get("stages") or [None]) - 1


def _effect(estimates: list[Estimate], name: str, model: str) -> float:
    """Returns the effect of a contrast in percentage points; NaN if there is no such contrast."""
    return next((item.effect for item in estimates if (item.name, item.model) == (name, model)), math.nan)


def _finding(
    id_: str, question: int, claim: str, model: str, measured: Measured, *, studied: bool = True
) -> Finding:
    missing = not studied and measured.verdict is Verdict.NOT_MEASURED
    return Finding(
        id=id_,
        question=question,
        claim=claim,
        verdict=measured.verdict,
        reason=Reason.MISSING_MODEL if missing else measured.reason,
        model=model,
        numbers=measured.numbers,
        rows=measured.rows,
    )
