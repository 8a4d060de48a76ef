"""Selects what went wrong in a study and still matters when the report is made."""

from __future__ import annotations

from study.records import RunState
from study.report.data.derived import Reading
from study.report.data.report_data import ReportData

#: Keys of the arms whose Grad-CAM maps are compared.
_COMPARED = ("scratch-full-uniform", "pretrained-frozen", "pretrained-full-uniform")
_NO_WEIGHTS = (None, "", "none")


class Incidents:
    """Offers incidents to templates by name, for example `incidents.reasons()`."""

    def __init__(self, data: ReportData) -> None:
        self._data, self._reading = data, Reading(data)

    def details(self, kind: str) -> list[str]:
        """Returns the different texts of the events of a kind."""
        return list(dict.fromkeys(str(event.get("detail") or "") for event in self._reading.events(kind)))

    def reasons(self) -> list[str]:
        """Returns the different reasons why final runs have no result, and why other runs failed."""
        tables = self._data.tables
        other = (
            row
            for table in (tables.trials, tables.experiments)
            for row in table.to_dict("records")
            if row["state"] == RunState.FAILED.value
        )
        rows = (*tables.results.to_dict("records"), *other)
        return list(dict.fromkeys(str(row["reason"]) for row in rows if row["reason"]))

    def unreached(self, source: str) -> list[str]:
        """Returns the networks whose ImageNet weights were not reached and that use `source` instead.

        Args:
            source: an init source, or "none" for networks without weights.
        """
        told = {event.get("model") for event in self._reading.events("weights_unreachable")}
        return [
            model
            for model, found in self._data.sources.items()
            if model in told and ("none" if found in _NO_WEIGHTS else found) == source
        ]

    @property
    def pictures_missing(self) -> bool:
        """Whether making the figures' arrays failed and no later start of the study made up for it."""
        artifacts = self._data.artifacts
        there = {*artifacts.files, *(name.removesuffix(".npz") for name in artifacts.damaged)}
        return bool(self._reading.events("pictures_missing")) and not self._owed() <= there

    def _owed(self) -> set[str]:
        """Returns the names of the array files that the finished runs of the first seed allow."""
        data = self._data
        if not data.finished:
            return set()
        owed = {"object", "errors"}
        first = min(min(arm.seeds) for arm in data.finished)
        for model in data.models:
            arms = [arm.key for arm in data.finished_of(model) if first in arm.seeds]
            if sum(key in _COMPARED for key in arms) > 1:
                owed.add(f"gradcam-{model}")
            if arms and data.sources[model] not in _NO_WEIGHTS:
                owed.add(f"featuremap-{model}")
        return owed
