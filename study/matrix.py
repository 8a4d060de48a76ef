"""Lists the arms of the matrix in a fixed order and explains why other combinations are missing."""

from __future__ import annotations

from collections.abc import Iterable

from study.networks import DEFAULT, ModelName
from study.spec import Arm, Init, LrPolicy, Scope

#: Pairs (scope, lr_policy) of an arm. Two models and two inits make 12 arms of them. The factors give
#: 2 × 2 × 2 × 2 = 16 combinations, of which 8 are frozen: with a single trainable layer there is a single
#: rate, so that "uniform" and "discriminative" name the same training.
_CELLS = (
    (Scope.FROZEN, LrPolicy.NONE),
    (Scope.FULL, LrPolicy.UNIFORM),
    (Scope.FULL, LrPolicy.DISCRIMINATIVE),
)


def arms(models: Iterable[ModelName] = DEFAULT) -> tuple[Arm, ...]:
    """Returns all arms of the models in the order in which they run.

    Each cell runs for both inits and all models before the next cell starts, so that an early stop leaves
    comparable pairs.
    """
    chosen = tuple(models)
    return tuple(
        Arm(model=model, init=init, scope=scope, lr_policy=policy)
        for scope, policy in _CELLS
        for init in (Init.PRETRAINED, Init.SCRATCH)
        for model in chosen
    )
