"""What the flags of a study say of places and permissions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from study.data import FashionMNIST


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where things are and what may be done; none of it changes what a run of the matrix measures.

    Attributes:
        fashion: the data set of data_dir where it was read already.
        extension: seconds of --extend.
        workers: runs side by side; 0 takes as many as the machine has cores and memory for.
        champion_share: share of the budget that is set aside for the champion, in [0, 1).
        disk_gb: GB (10^9 bytes) that checkpoints of trainings that may go on take at most.
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
    offline: bool = False
    fresh: bool = False
    dry_run: bool = False
    object_index: int = 0
    extension: float = 0.0
    fashion: FashionMNIST | None = None
    workers: int = 0
    champion_share: float = 0.25
    disk_gb: float = 6.0
