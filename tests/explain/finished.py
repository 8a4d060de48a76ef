"""Records of finished final runs, as the ledger would hold them."""

from __future__ import annotations

from study.networks import GOOGLENET, ModelName
from study.records import RunRecord, RunState
from study.spec import Arm, HyperParams, Init, LrPolicy, Purpose, RunSpec, Scope


def record_of(init: Init, scope: Scope, model: ModelName = GOOGLENET) -> RunRecord:
    """A finished final run as the ledger would hold it."""
    policy = LrPolicy.NONE if scope is Scope.FROZEN else LrPolicy.UNIFORM
    spec = RunSpec(
        arm=Arm(model=model, init=init, scope=scope, lr_policy=policy),
        purpose=Purpose.FINAL,
        seed=1,
        hyper=HyperParams(lr=1e-3),
        train_images=100,
        rung=4_000,
    )
    return RunRecord(spec=spec, state=RunState.FINISHED)
