"""What went wrong in a study, told only as far as it is still so when the report is made."""

from __future__ import annotations

from study.records import RunState
from study.report.data.derived import Reading
from study.report.data.report_data import ReportData

#: Of a network's arms, those whose maps and features are compared.
_COMPARED = ("scratch-full-uniform", "pretrained-frozen", "pretrained-full-uniform")
_NO_WEIGHTS = (None, "", "none")


class Incidents:
    """For templates, by name (`incidents.reasons()`)."""

    def __init__(self, data: ReportData) -> None:
        self._data, self._reading = data, Reading(data)

    def details(self, kind: str) -> list[str]:
        """What the events of a kind say, each text once."""
        return list(dict.fromkeys(str(event.get("detail") or "") for event in self._reading.events(kind)))

    def reasons(self) -> list[str]:
        """Why runs have no result, each reason once: final runs, then trials and side runs that failed."""
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
        """Networks whose ImageNet weights were not reached and that have those of `source` (or "none")."""
        told = {event.get("model") for event in self._reading.events("weights_unreachable")}
        return [
            model
            for model, found in self._data.sources.items()
            if model in told and ("none" if found in _NO_WEIGHTS else found) == source
        ]

    @property
    def pictures_missing(self) -> bool:
        """Whether pictures of the networks were not made and no later start made them good."""
        artifacts = self._data.artifacts
        there = {*artifacts.files, *(name.removesuffix(".npz") for name in artifacts.damaged)}
        return bool(self._reading.events("pictures_missing")) and not self._owed() <= there

    def _owed(self) -> set[str]:
        """The arrays that the finished runs allow: of the networks with the first seed."""
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
