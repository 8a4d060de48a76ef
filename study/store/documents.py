"""Declares the JSON files of results/ and the facts in the ledger as annotated classes.

A field with a default may be missing. An object may have fields that its class does not declare, because a
newer version may have written them, unless the class forbids them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from study.field_types import Text
from study.networks import NETWORKS, ModelName
from study.records import RunState

#: Largest accepted number. It is larger than every count and every number of seconds or bytes in a study,
#: and floats represent all integers below it.
MOST = 10**15
Number = Annotated[float, Meta(ge=0, le=MOST)]
Positive = Annotated[float, Meta(gt=0, le=MOST)]
#: A number such as a loss; NaN, infinite and negative numbers are allowed.
Measure = Annotated[int, Meta(ge=-MOST, le=MOST)] | float
Share = Annotated[float, Meta(ge=0, le=1)]
#: Seconds since 1970; the largest number still has a calendar date.
Moment = Annotated[float, Meta(ge=0, le=1e11)]
Count = Annotated[int, Meta(ge=0, le=MOST)]
#: A number of samples or images of a decision.
Length = Annotated[int, Meta(ge=1, le=10**9)]
#: The name of a known network.
Network = Annotated[ModelName, Meta(pattern=f"^({'|'.join(NETWORKS)})$")]
#: A number of seeds or trials.
Repeats = Annotated[int, Meta(ge=0, le=10_000)]


class Phase(Struct, frozen=True):
    phase: Text
    predicted_seconds: Number | None
    actual_seconds: Number | None


class LeftOut(Struct, frozen=True):
    what: Text
    needs_seconds: Number | None = None


class Row(Struct, frozen=True):
    """The prediction of one run."""

    run_id: Text
    rung: Count
    phase: Text
    arm: Text
    predicted_seconds: Number
    actual_seconds: Number | None
    state: RunState
    reason: Text


class Lengths(Struct, frozen=True):
    """The decision about a network, as far as the report reads it.

    A `rung` of 0 means that the network does not fit into the budget; `needs_seconds` is then the total
    budget that it needs.
    """

    least_rung: Count | None = None
    trial_rung: Count | None = None
    batch_size: Count | None = None
    rung: Count | None = None
    seeds: Repeats | None = None
    trials: Repeats | None = None
    needs_seconds: Number | None = None


class Plan(Struct, frozen=True):
    """The file plan.json."""

    budget_seconds: Number | None = None
    used_seconds: Number | None = None
    reserve_seconds: Number | None = None
    champion_seconds: Number | None = None
    extension_seconds: Number | None = None
    step_seconds: Number | None = None
    worker_seconds: Number | None = None
    workers: Count | None = None
    phases: tuple[Phase, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    rows: tuple[Row, ...] = ()
    decisions: Mapping[Network, Lengths] = {}


class StoredLeftOut(LeftOut, frozen=True, kw_only=True):
    needs_seconds: Number | None


class StoredRow(Row, frozen=True):
    """A row with the fields that a resumed study needs; the report does not read them."""

    model: Network
    init: Text
    scope: Text
    predicted_p95_seconds: Number
    unscaled_seconds: Positive

    def __post_init__(self) -> None:
        if self.state is RunState.FINISHED and self.actual_seconds is None:
            raise ValueError("A finished run has no `actual_seconds`")


class StoredDecision(Lengths, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of `study.planning.plan.Decision`."""

    least_rung: Length
    trial_rung: Length
    batch_size: Length
    rung: Annotated[int, Meta(ge=0, le=10**9)]
    seeds: Repeats
    trials: Repeats
    needs_seconds: Number | None


class StoredSpeed(Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of `study.planning.cost.Speed`."""

    train: Positive
    inference: Positive
    build: Positive
    head: Positive | UnsetType = UNSET
    tail: Positive | UnsetType = UNSET
    train_small: Number | UnsetType = UNSET
    doubled: Number | UnsetType = UNSET


class StoredPlan(Plan, frozen=True):
    """The fact ``plan``, from which a study goes on; plan.json is written from it."""

    champion_seconds: Number = 0.0
    side_seconds: Number = 0.0
    extension_seconds: Number = 0.0
    step_seconds: Number = 0.0
    worker_seconds: Number = 0.0
    grown: bool = False
    workers: Annotated[int, Meta(ge=1, le=10_000)] = 1
    left_out: tuple[StoredLeftOut, ...] = ()
    rows: tuple[StoredRow, ...] = ()
    speeds: Mapping[Network, StoredSpeed] = {}
    measured_on: Text = ""
    decisions: Mapping[Network, StoredDecision] = {}


class Dataset(Struct, frozen=True):
    name: Text | None = None
    source: Text | None = None
    sha256: Text | None = None
    train_images: Count | None = None
    validation_images: Count | None = None
    test_images: Count | None = None


class WeightsFile(Struct, frozen=True):
    source: Text | None = None
    sha256: Text | None = None
    path_name: Text | None = None
    detail: Text | None = None
    channels: Count | None = None


class Event(Struct, frozen=True):
    kind: Text
    model: Text | None
    detail: Text
    at: Number | UnsetType = UNSET


class Environment(Struct, frozen=True):
    """The file environment.json."""

    python: Text | None = None
    platform: Text | None = None
    torch: Text | None = None
    torchvision: Text | None = None
    optuna: Text | None = None
    pandas: Text | None = None
    weasyprint: Text | None = None
    device: Text | None = None
    device_name: Text | None = None
    precision: Text | None = None
    commit: Text | None = None
    study_version: Text | None = None
    started: Text | None = None
    finished: Text | None = None
    preregistration: Text | None = None
    threads: Count | None = None
    workers: Count | None = None
    memory_gb: Number | None = None
    seed: Count | None = None
    dataset: Dataset | None = None
    weights: Mapping[Network, WeightsFile] | None = None
    events: tuple[Event, ...] | None = None


class Layer(Struct, frozen=True):
    layer: Text
    kind: Text
    shape_before: Text
    shape_after: Text
    parameters_before: Number | None
    parameters_after: Number | None
    stage: Text | UnsetType = UNSET


class Stage(Struct, frozen=True):
    name: Text
    modules: tuple[Text, ...]
    parameters: Number


class Architecture(Struct, frozen=True):
    """The entry of a network in architecture.json."""

    original_parameters: Number | None = None
    adapted_parameters: Number | None = None
    head_parameters: Number | None = None
    folded_parameters: Number | None = None
    adaptation_error: Measure | None = None
    folded: bool | None = None
    layers: tuple[Layer, ...] | None = None
    stages: tuple[Stage, ...] | None = None


class Point(Struct, frozen=True):
    samples: Number
    accuracy: Measure
    loss: Measure
    seconds: Number | UnsetType = UNSET


class Pretraining(Struct, frozen=True):
    """The entry of a network in pretraining.json."""

    images: Number | None = None
    categories: Number | None = None
    image_size: Number | None = None
    samples: Number | None = None
    seconds: Number | None = None
    step_seconds: Number | None = None
    chance: Number | None = None
    source: Text | None = None
    sha256: Text | None = None
    fallback_reason: Text | None = None
    reason: Text | None = None
    detail: Text | None = None
    held_out_accuracy: Share | None = None
    passed: bool | None = None
    cached: bool | None = None
    complete: bool | None = None
    curve: tuple[Point, ...] | None = None


class Pair(Struct, frozen=True):
    pretrained: Share
    random: Share
    pixels: Share


class Witness(Struct, frozen=True):
    """The file witness.json."""

    state: Text | None = None
    reason: Text | None = None
    detail: Text | None = None
    package: Text | None = None
    version: Text | None = None
    sha256: Text | None = None
    train_images: Number | None = None
    validation_images: Number | None = None
    test_images: Number | None = None
    resolution: Number | None = None
    features: Number | None = None
    seconds: Number | None = None
    passes: Measure | None = None
    pairs: tuple[Pair, ...] | None = None


class Rules(Struct, frozen=True):
    """An object; `study.analysis.registration` compares it as a whole."""


class Preregistration(Struct, frozen=True):
    """The file preregistration.json."""

    rules: Rules


class Running(Struct, frozen=True):
    """A running task; its points are samples, training loss and validation accuracy."""

    name: Text
    since: Moment
    points: tuple[tuple[Count, Number | None, Share | None], ...] = ()


class Baseline(Struct, frozen=True):
    """A row of baselines.csv."""

    name: Text
    train_images: Count | None
    test_images: Count
    test_accuracy: Share
    seconds: Number | None


class PartLook(Struct, frozen=True):
    """A part of a set of images."""

    pictures: Count
    smallest: tuple[Count, Count]
    median: tuple[Count, Count]
    largest: tuple[Count, Count]
    grey: Count
    colour: Count


class TwinsLook(Struct, frozen=True):
    """Equal or nearly equal pictures of a set."""

    groups: Count
    pictures: Count
    in_an_earlier_part: Mapping[Text, Count]
    with_different_classes: Count


class ProblemLook(Struct, frozen=True):
    kind: Text
    place: Text
    detail: Text


class DataLook(Struct, frozen=True):
    """The file data_look.json."""

    form: Text
    parts: Mapping[Text, PartLook]
    equal: TwinsLook
    nearly_equal: TwinsLook | None
    same_names_in_all: Count
    imbalance: Number
    imbalance_limit: Number
    mirrored: bool
    problems: tuple[ProblemLook, ...]
    problems_in_all: Count
    division: Text
    joined: bool


class Documents(Struct, frozen=True):
    """The JSON files by name without ending."""

    plan: Plan | UnsetType = UNSET
    environment: Environment | UnsetType = UNSET
    architecture: Mapping[Network, Architecture] | UnsetType = UNSET
    pretraining: Mapping[Network, Pretraining] | UnsetType = UNSET
    witness: Witness | UnsetType = UNSET
    preregistration: Preregistration | UnsetType = UNSET
    data_look: DataLook | UnsetType = UNSET


class Facts(Documents, frozen=True):
    """The facts of the ledger by name; `StudySpec.from_dict` reads the fact ``study``."""

    plan: StoredPlan | UnsetType = UNSET
    fingerprint: Text | UnsetType = UNSET
    used_seconds: Number | UnsetType = UNSET
    running: tuple[Running, ...] | None = None
    format: Count | UnsetType = UNSET
    baselines: tuple[Baseline, ...] | UnsetType = UNSET
