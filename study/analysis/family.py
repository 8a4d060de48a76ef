"""Declares the pre-registered contrasts, each as weights over arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from study.analysis.verdicts import Family
from study.matrix import arms
from study.spec import Arm, Init, LrPolicy, ModelName, Scope

#: Values of the column `model`: a mean over the networks, and a contrast between the networks.
POOLED = "pooled"
ALL = "all"
#: Weight of each arm of a contrast; the weights sum to zero.
Weights = dict[Arm, float]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The difference of two sides, each of which is the mean over a set of arms.

    Arms with discriminative rates occur only in the contrasts of the policy: an average over both policies
    can have a sign that neither of them has. Three contrasts of each network are primary: they answer what
    to start from, what to train and with which rates.

    Attributes:
        name: the id of the contrast.
        first: selects the arms of the first side.
        second: selects the arms of the second side, which is subtracted.
        minus_first: for an interaction, the first side of a difference that is subtracted as a whole.
        minus_second: for an interaction, the second side of that difference.
        over_models: whether the sides select from the arms of all networks.
        primary: whether the contrast belongs to the primary family.
    """

    name: str
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
        """Returns the weight of every arm of the contrast.

        Args:
            models: networks over which the contrast is averaged; ignored if `over_models` is set.
        """
        result: Weights = {}
        groups = [tuple(ModelName)] if self.over_models else [(model,) for model in models]
        for group in groups:
            for side, sign in (
                (self.first, 1.0),
                (self.second, -1.0),
                (self.minus_first, -1.0),
                (self.minus_second, 1.0),
            ):
                chosen = [arm for arm in arms(group) if side is not None and side(arm)]
                for arm in chosen:
                    share = sign / len(chosen) / len(groups)
                    result[arm] = result.get(arm, 0.0) + share
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
        first=_is(_PRETRAINED, Scope.FROZEN),
        second=_is(_SCRATCH, Scope.FROZEN),
    ),
    Contrast(
        name="init@full",
        first=_is(_PRETRAINED, Scope.FULL, _UNIFORM),
        second=_is(_SCRATCH, Scope.FULL, _UNIFORM),
        primary=True,
    ),
    *(
        Contrast(
            name=f"scope@{init}",
            first=_is(init, Scope.FULL, _UNIFORM),
            second=_is(init, Scope.FROZEN),
            primary=init is _PRETRAINED,
        )
        for init in (_PRETRAINED, _SCRATCH)
    ),
    *(
        Contrast(
            name=f"lr_policy@{init}",
            first=_is(init, lr_policy=_DISCRIMINATIVE),
            second=_is(init, lr_policy=_UNIFORM),
            primary=init is _PRETRAINED,
        )
        for init in (_PRETRAINED, _SCRATCH)
    ),
    Contrast(
        name="model",
        first=lambda arm: arm.model is ModelName.GOOGLENET and arm.lr_policy is not _DISCRIMINATIVE,
        second=lambda arm: arm.model is ModelName.VGG11 and arm.lr_policy is not _DISCRIMINATIVE,
        over_models=True,
    ),
    Contrast(
        name="init×scope",
        first=_is(_PRETRAINED, Scope.FULL, _UNIFORM),
        second=_is(_SCRATCH, Scope.FULL, _UNIFORM),
        minus_first=_is(_PRETRAINED, Scope.FROZEN),
        minus_second=_is(_SCRATCH, Scope.FROZEN),
    ),
    Contrast(
        name="init×lr_policy",
        first=_is(_PRETRAINED, lr_policy=_DISCRIMINATIVE),
        second=_is(_SCRATCH, lr_policy=_DISCRIMINATIVE),
        minus_first=_is(_PRETRAINED, lr_policy=_UNIFORM),
        minus_second=_is(_SCRATCH, lr_policy=_UNIFORM),
    ),
)

#: Contrasts that are also estimated with discriminative rates, see `with_discriminative_rates`.
REPEATED = frozenset({"init@full", "scope@pretrained", "scope@scratch"})


def with_discriminative_rates(weights: Weights) -> Weights:
    """Returns the contrast with discriminative instead of uniform rates in all of its arms."""
    return {
        replace(arm, lr_policy=_DISCRIMINATIVE) if arm.lr_policy is _UNIFORM else arm: weight
        for arm, weight in weights.items()
    }


def rows_of(contrast: Contrast) -> tuple[tuple[str, tuple[ModelName, ...]], ...]:
    """Returns the values of the column `model` for a contrast, each with its networks."""
    if contrast.over_models:
        return ((ALL, tuple(ModelName)),)
    return (*((model.value, (model,)) for model in ModelName), (POOLED, tuple(ModelName)))
