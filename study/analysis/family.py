"""The pre-registered family of contrasts: each one entry, a table of weights over arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from study.matrix import arms
from study.spec import Arm, Init, LrPolicy, ModelName, Scope

POOLED = "pooled"
ALL = "all"
Weights = dict[Arm, float]


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """first − second: each side is a set of arms of one network, averaged.

    An interaction has minus_first − minus_second subtracted from that difference. Contrasts
    over networks (`over_models`) average the arms of the whole network instead.
    """

    name: str
    first: Callable[[Arm], bool]
    second: Callable[[Arm], bool]
    minus_first: Callable[[Arm], bool] | None = None
    minus_second: Callable[[Arm], bool] | None = None
    over_models: bool = False

    def weights(self, models: tuple[ModelName, ...]) -> Weights:
        """Weight of every arm concerned; their sum is zero."""
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
    return lambda arm: (
        init in (None, arm.init)
        and scope in (None, arm.scope)
        and lr_policy in (None, arm.lr_policy)
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
        first=_is(_PRETRAINED, Scope.FULL),
        second=_is(_SCRATCH, Scope.FULL),
    ),
    *(
        Contrast(name=f"scope@{init}", first=_is(init, Scope.FULL), second=_is(init, Scope.FROZEN))
        for init in (_PRETRAINED, _SCRATCH)
    ),
    *(
        Contrast(
            name=f"lr_policy@{init}",
            first=_is(init, lr_policy=_DISCRIMINATIVE),
            second=_is(init, lr_policy=_UNIFORM),
        )
        for init in (_PRETRAINED, _SCRATCH)
    ),
    Contrast(
        name="model",
        first=lambda arm: arm.model is ModelName.GOOGLENET,
        second=lambda arm: arm.model is ModelName.VGG11,
        over_models=True,
    ),
    Contrast(
        name="init×scope",
        first=_is(_PRETRAINED, Scope.FULL),
        second=_is(_SCRATCH, Scope.FULL),
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

#: Contrasts whose side "full" is the mean of the arms with uniform and with discriminative rates.
AVERAGES_POLICIES = frozenset({"init@full", "scope@pretrained", "scope@scratch"})


def rows_of(contrast: Contrast) -> tuple[tuple[str, tuple[ModelName, ...]], ...]:
    """The values of the column `model` for a contrast, each with its networks."""
    if contrast.over_models:
        return ((ALL, tuple(ModelName)),)
    return (*((model.value, (model,)) for model in ModelName), (POOLED, tuple(ModelName)))
