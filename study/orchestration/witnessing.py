"""The witness of ImageNet pre-training in a study: whether it is wanted, what it may cost, its fact."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from study.budget import format_seconds
from study.errors import WeightsError
from study.models.weights import IMAGENET
from study.orchestration.course import Course
from study.orchestration.screen import Screen
from study.orchestration.status import at_work
from study.pretraining.witness import Witness, expected_seconds, missing_packages, witness
from study.records import Reason, RunState
from study.store.ledger import Ledger
from study.training.loop import Stopped
from study.training.run import Workshop
from study.training.runtime import release

FACT = "witness"
#: Set aside in seconds for each predicted second.
MARGIN = 1.25


@dataclass(frozen=True, kw_only=True)
class Witnessing:
    """Wanted where at least one network of the study has no ImageNet weights; done once a study."""

    ledger: Ledger
    course: Course
    shop: Workshop
    screen: Screen
    stopped: Callable[[], bool]

    @property
    def wanted(self) -> bool:
        done = (self.ledger.fact(FACT) or {}).get("state") == RunState.FINISHED.value
        sources = [
            weights.source if (weights := self.shop.weights.get(model.value)) else None
            for model in self.course.study.models
        ]
        return not done and any(source != IMAGENET for source in sources)

    def expected(self) -> float:
        """Seconds to set aside; 0 where it is not wanted or not possible."""
        if not self.wanted or missing_packages():
            return 0.0
        try:
            return MARGIN * expected_seconds(self.shop)
        except Exception:  # must not end the study; `attend` meets it again and tells it
            return 1.0

    def attend(self) -> None:
        """Measure within the seconds set aside, or note in the ledger why not."""
        if not self.wanted:
            return
        began, aside = time.monotonic(), self.course.witness_seconds
        limit = self.course.work.within(aside)
        found: Witness | None = None
        if missing := missing_packages():
            entry = _absent(Reason.PACKAGE, ", ".join(missing))
        elif self.stopped() or limit.passed():
            entry = _absent(Reason.STOPPED if self.stopped() else Reason.BUDGET)
        else:
            self.screen.tick("ImageNet witness: EfficientNet-Lite0")
            try:
                stop = self.course.noting(lambda: self.stopped() or limit.passed())
                with at_work(self.ledger, "ImageNet witness"):
                    found = witness(self.shop, stop=stop)
                entry = {"state": RunState.FINISHED.value, "reason": "", "detail": "", **found.to_dict()}
            except Stopped:
                entry = _absent(Reason.STOPPED if self.stopped() else Reason.DEADLINE)
            except WeightsError as error:
                entry = _absent(Reason.WEIGHTS_FILE, str(error))
            except Exception as error:  # as for a run: it must not end the study
                entry = _absent(Reason.ERROR, f"{type(error).__name__}: {error}"[:200])
        release(self.shop.runtime.device)
        self.ledger.set_fact(FACT, entry)
        if aside:
            self.course.note_phase("witness", aside / MARGIN, began)
        self.screen.say(_told(found) if found else
                        f"no ImageNet witness: {entry['reason']} {entry['detail']}".strip())  # fmt: skip


def _absent(reason: Reason, detail: str = "") -> dict[str, Any]:
    return {"state": RunState.SKIPPED.value, "reason": reason.value, "detail": detail}


def _told(found: Witness) -> str:
    first, second = (
        sum(getattr(pair, side) for pair in found.pairs) / len(found.pairs)
        for side in ("pretrained", "random")
    )
    return (f"ImageNet witness (EfficientNet-Lite0, frozen): {first:.4f}, random weights "
            f"{second:.4f}, {format_seconds(found.seconds)}")  # fmt: skip
