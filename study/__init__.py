"""Compares ways of transfer learning on FashionMNIST within a time budget, and writes a report.

From Python or a notebook: ``import study; s = study.run(budget="10m"); s.results; s.report.show()``.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
#: What this package offers; it stands in `study.notebook`, which other modules need not import.
_OFFERED = ("Report", "Study", "run")
__all__ = ["Report", "Study", "run"]


def __getattr__(name: str) -> Any:
    if name in _OFFERED:
        return getattr(import_module("study.notebook"), name)
    raise AttributeError(f"module 'study' has no attribute {name!r}")
