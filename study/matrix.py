"""The arms that exist, in a fixed order, and in words why the other combinations do not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from study.spec import Arm, Init, LrPolicy, ModelName, Scope

#: (scope, lr_policy) pairs of an arm. With two models and two inits: 12 arms.
_CELLS = (
    (Scope.FROZEN, LrPolicy.NONE),
    (Scope.FULL, LrPolicy.UNIFORM),
    (Scope.FULL, LrPolicy.DISCRIMINATIVE),
)

#: The factors give 2 × 2 × 2 × 2 = 16 combinations; these 4 collapse, two by two, into the
#: frozen arms: with a single trainable layer there is a single rate, so "uniform" and
#: "discriminative" name the same training.
EXCLUDED: dict[tuple[ModelName, Init], str] = {
    (model, init): "frozen: one layer is trained, so one learning rate exists; "
    "uniform and discriminative are the same run"
    for model, init in product(ModelName, Init)
}


def arms(models: Iterable[ModelName] = tuple(ModelName)) -> tuple[Arm, ...]:
    """All arms of the given models, models alternating so that an early stop leaves pairs.

    The order is the order of work: a cell is done for both inits and all models before the
    next cell starts.
    """
    chosen = tuple(models)
    return tuple(
        Arm(model=model, init=init, scope=scope, lr_policy=policy)
        for scope, policy in _CELLS
        for init in (Init.PRETRAINED, Init.SCRATCH)
        for model in chosen
    )
