"""What a finished run leaves beside its record: predictions, the best networks, pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from study.errors import WeightsError
from study.explain.artifacts import write_errors, write_filters, write_object
from study.explain.change import activation_similarity, relative_change
from study.explain.featuremap import write_featuremap
from study.explain.fresh import fresh_network
from study.explain.gradcam import write_gradcam
from study.explain.kept import is_compared, keep_network, kept_networks
from study.models import save_checkpoint, unfolded_state_dict
from study.orchestration.files import ArrayFile, Predictions
from study.records import Reason, RunRecord
from study.spec import Init, Purpose, Scope
from study.training.loop import Stopped
from study.training.run import Outcome, Workshop


@dataclass(kw_only=True)
class Keeper:
    """Writes under the results directory; `finals` are the finished final runs so far."""

    folder: Path
    shop: Workshop
    predictions: Predictions = field(init=False)
    drift: ArrayFile = field(init=False)

    def __post_init__(self) -> None:
        self.predictions = Predictions(self.folder / "predictions.npz")
        self.drift = ArrayFile(self.folder / "artifacts" / "drift.npz")

    def keep(self, outcome: Outcome, finals: tuple[RunRecord, ...]) -> None:
        """Predictions of a finished final run, and its network if it is the best of its kind.

        Best on validation among the finished runs of the same model and scope. Called before
        the record is committed.
        """
        record, network = outcome.record, outcome.network
        spec = record.spec
        if network is None or outcome.test_probabilities is None or spec.purpose is not Purpose.FINAL:
            return
        labels = self.shop.fashion.test_labels.numpy()
        self.predictions.add(spec.run_id, outcome.test_probabilities, labels)
        if spec.arm.scope is Scope.FULL:
            before = fresh_network(record, self.shop)
            change = relative_change(before, network)
            found = {
                f"{spec.run_id}.stages": np.array(list(change)),
                f"{spec.run_id}.relative_change": np.array(list(change.values()), np.float32),
            }
            if spec.arm.init is Init.PRETRAINED:  # from scratch there is nothing to be kept
                alike = activation_similarity(before, network, spec.resolution, self.shop)
                found[f"{spec.run_id}.cka"] = np.array(list(alike.values()), np.float32)
            self.drift.update(found)
        if is_compared(spec.arm) and all(other.spec.arm != spec.arm for other in finals):
            keep_network(network, record, self.folder / "checkpoints")
        kind = (spec.arm.model, spec.arm.scope)
        others = [
            other.val_accuracy or 0.0
            for other in finals
            if (other.spec.arm.model, other.spec.arm.scope) == kind
        ]
        if (record.val_accuracy or 0.0) <= max(others, default=-1.0):
            return
        meta = {
            "source": f"study:{spec.run_id}",
            "model": spec.arm.model.value,
            "resolution": spec.resolution,
            "covers": "network",
            "run_id": spec.run_id,
        }
        path = self.folder / "checkpoints" / f"{spec.arm.model}-{spec.arm.scope}-best.pth"
        save_checkpoint(path, unfolded_state_dict(network), meta)
        write_filters(network, record, self.shop, self.folder / "artifacts")

    def write_pictures(
        self, index: int, finals: tuple[RunRecord, ...], stop: Callable[[], bool]
    ) -> tuple[tuple[str, str, str], ...]:
        """Test object `index` by every arm's first network; the errors of the best network."""
        if not finals:
            return ()
        folder = self.folder / "artifacts"
        first = min(record.spec.seed for record in finals)
        compared = [record for record in finals if record.spec.seed == first]
        names = [record.spec.run_id for record in compared]
        predicted = {name: self.predictions.probabilities(name) for name in names}
        write_object(self.shop, predicted, folder, index)
        best = max(finals, key=lambda record: record.val_accuracy or 0.0)
        write_errors(self.shop, self.predictions.probabilities(best.spec.run_id), folder)
        return self._explanations(index, compared, stop)

    def _explanations(
        self, index: int, compared: list[RunRecord], stop: Callable[[], bool]
    ) -> tuple[tuple[str, str, str], ...]:
        """Grad-CAM and feature maps of every model that has the networks for a comparison.

        Args:
            compared: finished final runs of one seed.
        """
        rounds: dict[str, list[RunRecord]] = {}
        for record in compared:
            rounds.setdefault(record.spec.arm.model.value, []).append(record)

        def check() -> None:
            if stop():
                raise Stopped

        missing = []
        for model, records in rounds.items():
            try:
                self._explain(records, index, check)
            except (Stopped, WeightsError) as error:
                told = str(error) or Reason.DEADLINE.value
                missing.append(("explanation_missing", told, model))
        return tuple(missing)

    def _explain(self, records: list[RunRecord], index: int, check: Callable[[], None]) -> None:
        folder = self.folder / "artifacts"
        kept = kept_networks(records, self.shop, self.folder / "checkpoints")
        if len(kept) > 1:
            predicted = [self.predictions.probabilities(one.record.spec.run_id) for one in kept]
            write_gradcam(kept, predicted, self.shop, folder, index, check)
        if records[0].spec.arm.model.value in self.shop.weights:
            write_featuremap(records[0], self.shop, folder, check)
