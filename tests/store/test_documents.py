"""JSON files and facts of the ledger have the structure that their classes declare, or are refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from benchmarks.hostile.ledger import FACTS, RECORD
from study.errors import StudyError
from study.field_types import Misshapen, convert
from study.records import RunRecord
from study.store.documents import Documents, Facts

NAN = float("nan")
(ROW,) = FACTS["plan"]["rows"]
SPEED, DECISION = (FACTS["plan"][name]["vgg11"] for name in ("speeds", "decisions"))
POINT = {"samples": 1, "accuracy": 0.5, "loss": NAN}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("used_seconds", NAN, ">= 0.0 - at `used_seconds`"),
        ("used_seconds", True, "got `bool` - at `used_seconds`"),
        ("used_seconds", "1", "got `str` - at `used_seconds`"),
        ("used_seconds", 10**16, "<= 1000000000000000.0 - at `used_seconds`"),
        ("used_seconds", 10**400, "out of range - at `used_seconds`"),
        ("format", 2.0, "got `float` - at `format`"),
        ("fingerprint", "a\n\ud800", "at `fingerprint`"),
        ("fingerprint", "x" * 20_001, "length <= 20000 - at `fingerprint`"),
        ("running", [{"name": "x", "since": 1e12}], "at `running[0].since`"),
        (
            "running",
            [{"name": "x", "since": 1e9, "points": [[1, NAN, 0.5]]}],
            "at `running[0].points[0][1]`",
        ),
        ("plan", {"workers": None}, "got `null` - at `plan.workers`"),
        ("plan", {"left_out": [{"what": "x"}]}, "field `needs_seconds` - at `plan.left_out[0]`"),
        ("plan", {"rows": [ROW | {"actual_seconds": None}]}, "at `plan.rows[0]`"),
        ("plan", {"rows": [ROW | {"state": "won"}]}, "'won' - at `plan.rows[0].state`"),
        ("plan", {"speeds": {"vgg11": SPEED | {"train": 0}}}, "> 0.0 - at `plan.speeds[...].train`"),
        ("plan", {"speeds": {"vgg11": SPEED | {"colour": 1}}}, "unknown field `colour`"),
        ("plan", {"decisions": {"vgg11": DECISION | {"colour": 1}}}, "unknown field `colour`"),
        ("plan", {"decisions": {"resnet": DECISION}}, "resnet18)$' - at `key` in `plan.decisions`"),
        (
            "pretraining",
            {"vgg11": {"curve": [POINT | {"loss": 10**16}]}},
            "at `pretraining[...].curve[0].loss`",
        ),
        ("pretraining", {"vgg11": {"passed": 1}}, "got `int` - at `pretraining[...].passed`"),
        ("preregistration", {"rules": []}, "got `array` - at `preregistration.rules`"),
        ("environment", {"\ud800": 1}, "half a character"),
        ("environment", {"weights": {"\ud800": {}}}, "at `key` in `environment.weights`"),
    ],
)
def test_a_fact_of_another_structure_is_refused(name: str, value: Any, says: str) -> None:
    with pytest.raises(Misshapen, match=re.escape(says)):
        convert({name: value}, Facts)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *FACTS.items(),
        ("plan", {"colour": 1, "rows": [ROW | {"colour": 1}]}),
        ("plan", {"rows": [ROW | {"state": "failed", "actual_seconds": None}]}),
        ("environment", {"seed": None, "weights": {"vgg11": {}}, "events": None}),
        ("pretraining", {"vgg11": {"curve": [POINT]}}),
        ("running", None),
        ("running", [{"name": "x", "since": 1e9, "points": [[64, 2.3, None], [128, None, 0.5]]}]),
        ("fact of a newer version", {"x": 10**30}),
    ],
)
def test_what_a_study_or_a_newer_version_writes_is_read(name: str, value: Any) -> None:
    convert({name: value}, Facts)


def test_plan_json_may_lack_what_a_resumed_study_needs() -> None:
    plan = {"decisions": {"vgg11": {"seeds": 1}}, "workers": None, "left_out": [{"what": "x"}]}
    convert({"plan": plan}, Documents)
    with pytest.raises(Misshapen):
        convert({"plan": plan}, Facts)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hyper": {"lr": "x"}}, "got `str` - at `spec.hyper.lr`"),
        ({"hyper": {"lr": 0.1, "colour": 1}}, "hyper has 'colour', which is unknown"),
        ({"hyper": {"lr": -0.1}}, "lr must be above 0"),
        ({"seed": 2**63}, "seed is too large"),
        ({"seed": True}, "got `bool` - at `spec.seed`"),
        ({"init_source": "\udfff"}, "init_source holds half a character"),
        ({"experiment": ""}, "at `spec.experiment`"),
    ],
)
def test_a_record_with_another_spec_is_refused(change: dict[str, Any], says: str) -> None:
    values = RECORD.to_dict()
    with pytest.raises((Misshapen, StudyError), match=re.escape(says)):
        RunRecord.from_dict(values | {"spec": values["spec"] | change})


@pytest.mark.parametrize("name", ["recipe", "precision", "history", "spec"])
def test_a_record_lacks_none_of_its_parts(name: str) -> None:
    values = RECORD.to_dict()
    (values if name in values else values["spec"]).pop(name)
    with pytest.raises(Misshapen, match=name):
        RunRecord.from_dict(values)


def test_a_value_that_was_not_measured_may_be_missing() -> None:
    values = RECORD.to_dict()
    del values["ece"]
    assert RunRecord.from_dict(values) == RECORD
