"""A ledger with finished evaluations, as a study at work leaves it, for tests of what follows it."""

from __future__ import annotations

from pathlib import Path

from study.matrix import arms
from study.networks import GOOGLENET
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec, StudySpec
from study.store.ledger import LEDGER, Ledger
from study.store.lock import report_lock

ARMS = arms((GOOGLENET,))
CHAMPION = b"weights of a network"


def evaluation(
    rung: int,
    purpose: Purpose = Purpose.FINAL,
    *,
    seed: int = 1,
    state: RunState = RunState.FINISHED,
    checkpoint: str = "",
) -> RunRecord:
    """A record with a curve of three points; the higher the rung, the better it is."""
    spec = RunSpec(
        arm=ARMS[0],
        purpose=purpose,
        seed=seed,
        hyper=HyperParams(lr=0.01),
        rung=rung,
        weights_sha256="00",
        init_source="fractal",
        trial=0 if purpose is Purpose.TRIAL else None,
    )
    if state is not RunState.FINISHED:
        return RunRecord(spec=spec, state=state, reason="the loss is not a number")
    judged = purpose is not Purpose.TRIAL
    return RunRecord(
        spec=spec,
        state=state,
        samples_seen=rung,
        val_accuracy=0.5 + rung / 1e5,
        val_loss=1.25,
        test_accuracy=0.4 + rung / 1e5 if judged else None,
        test_loss=1.5 if judged else None,
        macro_f1=0.35 if judged else None,
        train_seconds=12.5,
        wall_seconds=20.0,
        checkpoint=checkpoint,
        history=tuple(
            EvaluationPoint(
                samples_seen=rung * step // 4,
                seconds=3.0 * step,
                train_loss=2.0 / step + rung / 1e6,
                val_accuracy=0.1 * step + rung / 1e6 if step > 1 else None,
                val_loss=float("inf") if step == 2 else 1.25 if step > 2 else None,
            )
            for step in (1, 2, 4)
        ),
    )


#: What the ledger of `begun` has, in this order.
RECORDS = (
    evaluation(2_000),
    evaluation(2_000, Purpose.TRIAL),
    evaluation(2_000, seed=2, state=RunState.FAILED),
    evaluation(4_000),
    evaluation(9_999, Purpose.CHAMPION, checkpoint="champion.pth"),
)
FINISHED = tuple(record for record in RECORDS if record.finished)


def begun(folder: Path) -> Ledger:
    """Makes the results directory of a study at work and returns its ledger, opened for writing."""
    ledger = Ledger(folder / LEDGER)
    ledger.set_fact("study", StudySpec(models=(GOOGLENET,)).to_dict())
    facts = {
        "preregistration": "ab" * 32,
        "started": "2026-11-30T10:00:00",
        "python": "3.11.2",
        "threads": 2,
    }
    ledger.set_fact("environment", facts)
    ledger.set_fact("used_seconds", 61.5)
    for record in RECORDS:
        ledger.commit(record)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "champion.pth").write_bytes(CHAMPION)
    return ledger


def ended(ledger: Ledger, report: Path) -> None:
    """Adds what the end of a study brings."""
    ledger.set_fact("environment", ledger.fact("environment") | {"finished": "2026-11-30T10:10:00"})
    (ledger.path.parent / "results.csv").write_text("run_id\n", encoding="utf-8")
    with report_lock(report, ledger.path.parent, print):
        (report / "report.pdf").write_bytes(b"%PDF-1.7")
