"""Options of a study that do not change its results: places, permissions and resources."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.data import LabelledImages


@dataclass(frozen=True, kw_only=True)
class Options:
    """Places, permissions and resources; none of them changes the result of a run of the matrix.

    Attributes:
        results_dir: folder of ledger, tables and checkpoints.
        report_dir: folder of the report.
        data_dir: folder or archive with the data set; None searches the usual places.
        weights_dir: folder with torchvision's weight files.
        init_checkpoint: file with the user's own pre-trained weights of one network.
        title_page: YAML file with the fields of the title page.
        templates: folder with a department's styles and templates.
        lang: language of the report.
        flat: whether main sections continue on the same page.
        length: of PDF and Word file, ``short`` or ``full``.
        defence: whether the final report has a sheet for the defence.
        offline: whether downloads are forbidden.
        fresh: whether an older study is moved aside.
        dry_run: whether only the plan is printed.
        object_index: test object whose classification the report shows, by its index in the test set.
        extension: seconds of --extend.
        images: the data set of data_dir, or of --data, if it has been read already.
        data_look: what a look at the set of --data has found, for the report.
        workers: number of runs in parallel; 0 takes as many as cores and memory allow.
        ray: address of a Ray cluster that runs the tasks, or ``auto``; empty means this machine.
        gpus_per_run: GPUs of each run in that cluster; 0 gives each run one core.
        champion_share: share of the budget that is reserved for the champion, in [0, 1).
        disk_gb: maximum size of the checkpoints of unfinished trainings, in GB (10^9 bytes).
        mlflow: address of the MLflow server or database that is shown the study. It may hold a
            password, so that it is not printed with the options.
        tensorboard: folder of event files for TensorBoard.
    """

    results_dir: Path
    report_dir: Path
    data_dir: Path | None = None
    weights_dir: Path | None = None
    init_checkpoint: Path | None = None
    title_page: Path | None = None
    templates: Path | None = None
    lang: str = "ru"
    flat: bool = False
    length: str = "short"
    defence: bool = False
    offline: bool = False
    fresh: bool = False
    dry_run: bool = False
    object_index: int = 0
    extension: float = 0.0
    images: LabelledImages | None = None
    data_look: dict[str, Any] | None = field(default=None, repr=False)
    workers: int = 0
    ray: str = ""
    gpus_per_run: float = 0.0
    champion_share: float = 0.25
    disk_gb: float = 6.0
    mlflow: str | None = field(default=None, repr=False)
    tensorboard: Path | None = None

    @property
    def figures_dir(self) -> Path:
        """The folder of the report's figures as SVG, PDF and CSV."""
        return self.report_dir / "figures"
