"""Declares the pre-registered contrasts, each as weights over arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from study.analysis.verdicts import Family
from study.matrix import arms
from study.networks import DEFAULT, ModelName
from study.spec import Arm, Init, LrPolicy, Scope

#: Values of the column `model`: a mean over the networks, and a contrast between the networks.
POOLED = "pooled"
ALL = "all"
#: Weight of each arm of a contrast; the weights sum to zero.
Weights = dict[Arm, float]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The question whether one set of arms is more accurate than another one.

    The effect is the mean of the first side minus that of the second one. Arms with discriminative rates
    stand in the contrasts of the policy only: an average over both policies can have a sign that neither of
    them has. Three contrasts of each network are primary: they answer what to start from, what to train and
    with which rates.

    Attributes:
        name: in contrasts.csv.
        claim: what it means that the first side is better; {0} and {1} stand for the networks of a contrast
            over networks.
        answers: the control questions that the contrast serves, each with the beginning of a finding's id.
        first: chooses the arms of the first side.
        second: chooses the arms of the second side.
        minus_first, minus_second: sides of an interaction; their difference is subtracted.
        over_models: whether the first side belongs to one network and the second side to another.
        primary: whether the contrast belongs to the primary family.
    """

    name: str
    claim: str
    answers: tuple[tuple[int, str], ...]
    first: Callable[[Arm], bool]
    second: Callable[[Arm], bool]
    minus_first: Callable[[Arm], bool] | None = None
    minus_second: Callable[[Arm], bool] | None = None
    over_models: bool = False
    primary: bool = False

    def family(self, model: str) -> Family:
        """Returns the family of the contrast's row for a network; pooled means are exploratory."""
        if model == POOLED:
            return Family.EXPLORATORY
        return Family.PRIMARY if self.primary else Family.SECONDARY

    def weights(self, models: tuple[ModelName, ...]) -> Weights:
        """Returns the weight of every arm concerned; the sum of the weights is zero.

        Args:
            models: the networks of a row, see `rows_of`.
        """
        pairs = [(models[1:], models[:1])] if self.over_models else [((m,), (m,)) for m in models]
        result: Weights = {}
        for plus, minus in pairs:
            for side, sign, among in (
                (self.first, 1.0, plus),
                (self.second, -1.0, minus),
                (self.minus_first, -1.0, plus),
                (self.minus_second, 1.0, minus),
            ):
                chosen = [arm for arm in arms(among) if side is not None and side(arm)]
                for arm in chosen:
                    result[arm] = result.get(arm, 0.0) + sign / len(chosen) / len(pairs)
        return result


def _is(
    init: Init | None = None, scope: Scope | None = None, lr_policy: LrPolicy | None = None
) -> Callable[[Arm], bool]:
    """Returns a predicate for arms that match every argument that is not None."""
    return lambda arm: (
        init in (None, arm.init) and scope in (None, arm.scope) and lr_policy in (None, arm.lr_policy)
    )


_PRETRAINED, _SCRATCH = Init.PRETRAINED, Init.SCRATCH
_UNIFORM, _DISCRIMINATIVE = LrPolicy.UNIFORM, LrPolicy.DISCRIMINATIVE

CONTRASTS: tuple[Contrast, ...] = (
    Contrast(
        name="init@frozen",
        claim="frozen: pretrained features classify better than random ones",
        answers=((1, "q1.probe"),),
        first=_is(_PRETRAINED, Scope.FROZEN),
        second=_is(_SCRATCH, Scope.FROZEN),
    ),
    Contrast(
        name="init@full",
        claim="full: pretrained is more accurate than scratch",
        answers=((2, "q2.init_full"),),
        first=_is(_PRETRAINED, Scope.FULL, _UNIFORM),
        second=_is(_SCRATCH, Scope.FULL, _UNIFORM),
        primary=True,
    ),
    Contrast(
        name="scope@pretrained",
        claim="pretrained: full is more accurate than frozen",
        answers=((3, "q3.accuracy"), (4, "q4.scope")),
        first=_is(_PRETRAINED, Scope.FULL, _UNIFORM),
        second=_is(_PRETRAINED, Scope.FROZEN),
        primary=True,
    ),
    Contrast(
        name="scope@scratch",
        claim="scratch: full is more accurate than frozen",
        answers=((4, "q4.scope_scratch"),),
        first=_is(_SCRATCH, Scope.FULL, _UNIFORM),
        second=_is(_SCRATCH, Scope.FROZEN),
    ),
    Contrast(
        name="lr_policy@pretrained",
        claim="pretrained: discriminative is more accurate than uniform",
        answers=((5, "q5.lr_policy"),),
        first=_is(_PRETRAINED, lr_policy=_DISCRIMINATIVE),
        second=_is(_PRETRAINED, lr_policy=_UNIFORM),
        primary=True,
    ),
    Contrast(
        name="lr_policy@scratch",
        claim="scratch: discriminative is more accurate than uniform",
        answers=((5, "q5.lr_policy_scratch"),),
        first=_is(_SCRATCH, lr_policy=_DISCRIMINATIVE),
        second=_is(_SCRATCH, lr_policy=_UNIFORM),
    ),
    Contrast(
        name="model",
        claim="{1} is more accurate than {0}",
        answers=((7, "q7.model"),),
        first=lambda arm: arm.lr_policy is not _DISCRIMINATIVE,
        second=lambda arm: arm.lr_policy is not _DISCRIMINATIVE,
        over_models=True,
    ),
    Contrast(
        name="init×scope",
        claim="pretraining gains more in full than in frozen",
        answers=((4, "q4.interaction"),),
        first=_is(_PRETRAINED, Scope.FULL, _UNIFORM),
        second=_is(_SCRATCH, Scope.FULL, _UNIFORM),
        minus_first=_is(_PRETRAINED, Scope.FROZEN),
        minus_second=_is(_SCRATCH, Scope.FROZEN),
    ),
    Contrast(
        name="init×lr_policy",
        claim="pretraining gains more with discriminative than with uniform rates",
        answers=((5, "q5.interaction"),),
        first=_is(_PRETRAINED, lr_policy=_DISCRIMINATIVE),
        second=_is(_SCRATCH, lr_policy=_DISCRIMINATIVE),
        minus_first=_is(_PRETRAINED, lr_policy=_UNIFORM),
        minus_second=_is(_SCRATCH, lr_policy=_UNIFORM),
    ),
)
#: The contrasts by name.
NAMED = {contrast.name: contrast for contrast in CONTRASTS}

#: Contrasts that are also estimated with discriminative rates, see `with_discriminative_rates`.
REPEATED = frozenset({"init@full", "scope@pretrained", "scope@scratch"})


def with_discriminative_rates(weights: Weights) -> Weights:
    """Returns the contrast with discriminative instead of uniform rates in all of its arms."""
    return {
        replace(arm, lr_policy=_DISCRIMINATIVE) if arm.lr_policy is _UNIFORM else arm: weight
        for arm, weight in weights.items()
    }


def rows_of(
    contrast: Contrast, models: tuple[ModelName, ...] = DEFAULT
) -> tuple[tuple[str, tuple[ModelName, ...]], ...]:
    """Returns the values of the column `model` for a contrast, each with its networks.

    The contrast over networks compares every network with the first one. For two networks its row is
    called ``all``, for more of them by the name of the other network.
    """
    if contrast.over_models:
        first, *others = models
        return tuple((ALL if len(others) == 1 else other, (first, other)) for other in others)
    return (*((model, (model,)) for model in models), (POOLED, models))
