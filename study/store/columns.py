"""Declares the columns of the CSV files that are written from the ledger.

Each column is declared once: the tables, the reader and docs/results.md are derived from the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from typing import Generic, TypeVar

from study.networks import NETWORKS
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import Experiment, FirstConv, Init, LrPolicy, Purpose, Scope
from study.store.cells import LOSS, NUMBER, SHARE, TEXT, WHOLE, Cell, Kind, word


class Table(str, Enum):
    """The CSV files that are written from the ledger; a value is the name of the file without ending."""

    RESULTS = "results"
    RUNGS = "rungs"
    TRIALS = "trials"
    EXPERIMENTS = "experiments"
    HISTORY = "history"
    BASELINES = "baselines"

    @property
    def file(self) -> str:
        return f"{self.value}.csv"


#: Tables with one row per run.
RUN_TABLES = frozenset({Table.RESULTS, Table.RUNGS, Table.TRIALS, Table.EXPERIMENTS})
_RUNGS = frozenset({Table.RUNGS})
_ALL_BUT_RUNGS = RUN_TABLES - _RUNGS
_TRIALS = frozenset({Table.TRIALS})
_EXPERIMENTS = frozenset({Table.EXPERIMENTS})
_HISTORY = frozenset({Table.HISTORY})
_BASELINES = frozenset({Table.BASELINES})

#: Names of the rows of baselines.csv.
CHANCE, PIXELS = "chance", "softmax on pixels"
#: What a row of baselines.csv is made from: a fact of the ledger.
Baseline = Mapping[str, Cell]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of one or several tables.

    Attributes:
        name: stands in the first line of the file.
        kind: what its cells may hold.
        meaning: describes the column in docs/results.md; Markdown without ``|``.
        value: returns the cell of a row.
        tables: the tables that have the column.
    """

    name: str
    kind: Kind
    meaning: str
    value: Callable[[Row], Cell]
    _: KW_ONLY
    tables: frozenset[Table] = RUN_TABLES


def _unless_skipped(value: Callable[[RunRecord], Cell]) -> Callable[[RunRecord], Cell]:
    """Returns `value` for runs that were begun; the cell of a skipped run is empty."""
    return lambda run: None if run.state is RunState.SKIPPED else value(run)


def _image_counts(tables: frozenset[Table]) -> tuple[Column[RunRecord], ...]:
    """Returns the numbers of evaluated images, whose place in rungs.csv differs from the other files."""
    return (
        Column(
            "validation_images",
            WHOLE,
            "number of images on which the validation accuracy was measured; equal for all runs of a rung",
            lambda run: run.validation_images,
            tables=tables,
        ),
        Column(
            "test_images",
            WHOLE,
            "number of images on which the test accuracy was measured; equal for all runs of a rung",
            lambda run: run.test_images,
            tables=tables,
        ),
    )


#: Columns of the tables with one row per run; every file has its columns in this order.
OF_RUN: tuple[Column[RunRecord], ...] = (
    Column(
        "run_id",
        TEXT,
        "the arm, of a side run the experiment, of the champion `champion`, then `t` and the trial or `s` "
        "and the seed, then a digest of the whole spec except the rung",
        lambda run: run.spec.run_id,
        tables=RUN_TABLES | _HISTORY,
    ),
    Column(
        "role",
        word("matrix", "champion"),
        "`champion` for the one network that was trained longest, else `matrix`; the champion enters no "
        "contrast, mean or count of seeds",
        lambda run: "champion" if run.spec.purpose is Purpose.CHAMPION else "matrix",
    ),
    Column("model", word(*NETWORKS), "network of the arm", lambda run: run.spec.arm.model),
    Column(
        "init", word(*Init), "initial values of the arm's backbone", lambda run: run.spec.arm.init.value
    ),
    Column(
        "init_source",
        TEXT,
        "origin of these values: `imagenet1k_v1`, `fractal`, a checkpoint's name, or `none`",
        lambda run: run.spec.init_source,
    ),
    Column(
        "scope",
        word(*Scope),
        "whether the arm trains the output layer alone or all layers",
        lambda run: run.spec.arm.scope.value,
    ),
    Column(
        "lr_policy",
        word(*LrPolicy),
        "whether the stages have equal or different learning rates; `none` where the backbone is frozen",
        lambda run: run.spec.arm.lr_policy.value,
    ),
    Column(
        "seed",
        WHOLE,
        "fixes the output layer's initial values, the order of the images and their augmentation; "
        "runs of two arms with equal seeds form a pair",
        lambda run: run.spec.seed,
    ),
    Column(
        "rung",
        WHOLE,
        "images that passed through the network before the run was evaluated, repeats counted: "
        "2,000 · 2^k, for the champion any number",
        _unless_skipped(lambda run: run.spec.rung),
        tables=RUN_TABLES | _HISTORY,
    ),
    Column("state", word(*RunState), "outcome of the run", lambda run: run.state.value),
    Column(
        "train_images",
        WHOLE,
        "number of different training images; at most the pool and the rung",
        _unless_skipped(lambda run: min(run.spec.train_images, run.spec.rung)),
    ),
    *_image_counts(_ALL_BUT_RUNGS),
    Column(
        "samples_seen",
        WHOLE,
        "training images that passed through the network, repeats counted",
        _unless_skipped(lambda run: run.samples_seen),
    ),
    Column(
        "epochs",
        NUMBER,
        "passes through the pool of training images",
        _unless_skipped(lambda run: run.samples_seen / run.spec.train_images),
        tables=_ALL_BUT_RUNGS,
    ),
    Column(
        "seconds",
        NUMBER,
        "the same as `train_seconds` in the other files",
        _unless_skipped(lambda run: run.train_seconds),
        tables=_RUNGS,
    ),
    Column("resolution", WHOLE, "side of the network's input in pixels", lambda run: run.spec.resolution),
    Column(
        "lr",
        NUMBER,
        "peak learning rate of the output layer",
        _unless_skipped(lambda run: run.spec.hyper.lr),
    ),
    Column(
        "weight_decay",
        NUMBER,
        "decoupled weight decay of AdamW",
        _unless_skipped(lambda run: run.spec.hyper.weight_decay),
    ),
    Column(
        "lr_decay",
        NUMBER,
        "factor between the learning rates of neighbouring stages; empty if all stages have the same rate",
        _unless_skipped(lambda run: run.spec.hyper.lr_decay),
    ),
    Column(
        "label_smoothing",
        NUMBER,
        "label smoothing of the training loss, in [0, 1)",
        _unless_skipped(lambda run: run.spec.hyper.label_smoothing),
    ),
    Column(
        "val_accuracy",
        SHARE,
        "accuracy on validation images, the only images that trials are evaluated on",
        lambda run: run.val_accuracy,
    ),
    Column("val_loss", LOSS, "loss on validation images, in nats", lambda run: run.val_loss, tables=_RUNGS),
    Column("train_accuracy", SHARE, "accuracy on training images", lambda run: run.train_accuracy),
    Column("test_accuracy", SHARE, "accuracy on test images", lambda run: run.test_accuracy),
    Column("test_loss", LOSS, "loss on test images, in nats", lambda run: run.test_loss),
    Column("macro_f1", SHARE, "F1 on test images, averaged over the classes", lambda run: run.macro_f1),
    Column("ece", SHARE, "expected calibration error on test images", lambda run: run.ece),
    *_image_counts(_RUNGS),
    Column(
        "train_seconds",
        NUMBER,
        "seconds inside training steps that a training of this length takes alone, without evaluation. "
        "For a frozen arm they include the pass that computed the features. For a run that continued from "
        "a checkpoint they are those up to it and those after it; what was lost in between is not counted",
        _unless_skipped(lambda run: run.train_seconds),
        tables=_ALL_BUT_RUNGS,
    ),
    Column(
        "step_seconds",
        NUMBER,
        "seconds inside training steps that this evaluation added to those of lower rungs",
        _unless_skipped(lambda run: run.step_seconds),
        tables=_RUNGS,
    ),
    Column(
        "judging_seconds",
        NUMBER,
        "seconds of all forward passes of this evaluation that do not train",
        _unless_skipped(lambda run: run.judging_seconds),
        tables=_RUNGS,
    ),
    Column(
        "images_per_second",
        NUMBER,
        "training speed: `samples_seen` divided by the seconds of training",
        lambda run: run.images_per_second,
    ),
    Column(
        "trainable_parameters",
        WHOLE,
        "number of trained parameters of the original architecture; a folded layer counts as unfolded",
        lambda run: run.trainable_parameters,
    ),
    Column(
        "total_parameters",
        WHOLE,
        "number of all parameters of the original architecture",
        lambda run: run.total_parameters,
    ),
    Column(
        "peak_memory_mb",
        NUMBER,
        "peak memory in 10⁶ bytes: resident in the process, on CUDA allocated on the device",
        lambda run: run.peak_memory_mb,
    ),
    Column(
        "checkpoint",
        TEXT,
        "file under `checkpoints/` with the network; only the champion and the runs whose networks the "
        "report explains have one",
        lambda run: run.checkpoint,
        tables=_ALL_BUT_RUNGS,
    ),
    Column("trial", WHOLE, "number of the tuning trial", lambda run: run.spec.trial, tables=_TRIALS),
    Column(
        "experiment",
        word(*Experiment, may_be_empty=True),
        "`labels`: accuracy by number of labelled images; `depth`: by number of trained stages; "
        "`adaptation`: by the start of the first convolution",
        lambda run: run.spec.experiment.value if run.spec.experiment else "",
        tables=_EXPERIMENTS,
    ),
    Column(
        "unfrozen_stages",
        WHOLE,
        "number of trained stages below the output layer, in runs of `depth`",
        lambda run: run.spec.unfrozen_stages,
        tables=_EXPERIMENTS,
    ),
    Column(
        "reason",
        TEXT,
        "why the run has not finished; of a failed run the text of its error",
        lambda run: run.reason,
    ),
    Column(
        "first_conv",
        word(*FirstConv, may_be_empty=True),
        "start of the first convolution in runs of `adaptation`: `mean` over the channels, or `fresh` "
        "(drawn anew)",
        lambda run: run.spec.first_conv.value if run.spec.first_conv else "",
        tables=_EXPERIMENTS,
    ),
)
#: Columns of history.csv that follow those of the run.
OF_POINT: tuple[Column[EvaluationPoint], ...] = (
    Column(
        "samples_seen",
        WHOLE,
        "training images since the start of the run, repeats counted",
        lambda point: point.samples_seen,
        tables=_HISTORY,
    ),
    Column(
        "seconds",
        NUMBER,
        "seconds of training so far, without evaluation",
        lambda point: point.seconds,
        tables=_HISTORY,
    ),
    Column(
        "train_loss",
        LOSS,
        "mean training loss since the previous point, in nats",
        lambda point: point.train_loss,
        tables=_HISTORY,
    ),
    Column(
        "val_accuracy",
        SHARE,
        "accuracy on validation images; empty if validation was not evaluated here",
        lambda point: point.val_accuracy,
        tables=_HISTORY,
    ),
    Column(
        "val_loss",
        LOSS,
        "loss on validation images, in nats; empty if validation was not evaluated here",
        lambda point: point.val_loss,
        tables=_HISTORY,
    ),
)
OF_BASELINE: tuple[Column[Baseline], ...] = (
    Column("name", TEXT, f"`{CHANCE}` or `{PIXELS}`", lambda row: row["name"], tables=_BASELINES),
    Column(
        "train_images",
        WHOLE,
        "number of training images; empty for `chance`",
        lambda row: row["train_images"],
        tables=_BASELINES,
    ),
    Column(
        "test_images", WHOLE, "number of test images", lambda row: row["test_images"], tables=_BASELINES
    ),
    Column(
        "test_accuracy",
        SHARE,
        "accuracy on these test images",
        lambda row: row["test_accuracy"],
        tables=_BASELINES,
    ),
    Column(
        "seconds",
        NUMBER,
        "seconds of training; empty for `chance`",
        lambda row: row["seconds"],
        tables=_BASELINES,
    ),
)
_COLUMNS: tuple[Column[RunRecord] | Column[EvaluationPoint] | Column[Baseline], ...] = (
    *OF_RUN,
    *OF_POINT,
    *OF_BASELINE,
)


def kinds(table: Table) -> dict[str, Kind]:
    """Returns the kinds of the columns of a table by name, in the order of its file."""
    return {column.name: column.kind for column in _COLUMNS if table in column.tables}


def row_cells(table: Table, columns: Iterable[Column[Row]], row: Row) -> dict[str, Cell]:
    """Returns the cells of a row by name of the column, for those of `columns` that `table` has."""
    return {column.name: column.value(row) for column in columns if table in column.tables}
