"""From results/ to contrasts and findings: `analyse` is pure, `write_analysis` stores them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.analysis.contrasts import COLUMNS, contrasts, estimate, table
from study.analysis.finding import Finding
from study.analysis.findings import findings
from study.analysis.sources import read_sources
from study.store.files import write_json, write_text

__all__ = ["COLUMNS", "Analysis", "Finding", "analyse", "contrasts", "write_analysis"]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """contrasts has the columns and rows of contrasts.csv; findings cover every known id."""

    contrasts: pd.DataFrame
    findings: list[Finding]

    def by_id(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in self.findings}


def analyse(results_dir: Path) -> Analysis:
    """Analyses whatever a results directory holds; files may be absent.

    Args:
        results_dir: directory with results.csv and what stands beside it.

    Raises:
        StoreError: a file is there but unreadable.
    """
    sources = read_sources(results_dir)
    estimates = estimate(sources.rungs, sources.predictions, sources.labels)
    family = table(estimates)
    return Analysis(contrasts=family, findings=findings(sources, estimates, family))


def write_analysis(results_dir: Path) -> Analysis:
    """Writes contrasts.csv and findings.json, each atomically, and returns what was written."""
    analysis = analyse(results_dir)
    write_text(results_dir / "contrasts.csv", analysis.contrasts.to_csv(index=False, lineterminator="\n"))
    write_json(
        results_dir / "findings.json",
        {"findings": [finding.to_dict() for finding in analysis.findings]},
    )
    return analysis
