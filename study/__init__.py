"""Compares ways of transfer learning on FashionMNIST within a time budget, and writes a report.

From Python or a notebook: ``import study; s = study.run(budget="10m"); s.results; s.report.show()``.
"""

from study.notebook import Report, Study, run

__all__ = ["Report", "Study", "run"]
__version__ = "0.1.0"
