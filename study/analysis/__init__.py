"""Derives contrasts and findings from results/: `analyse` only reads, `write_analysis` also writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.analysis.contrasts import estimate, table
from study.analysis.finding import Finding
from study.analysis.findings import findings
from study.analysis.sources import Sources, read_sources
from study.store.files import write_json, write_text

__all__ = ["Analysis", "Finding", "analyse", "write_analysis", "write_findings"]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was derived from a results directory.

    Attributes:
        sources: the content of the directory, which was read once.
        contrasts: the columns and rows of contrasts.csv.
        findings: one finding for each known id, measured or not.
    """

    sources: Sources
    contrasts: pd.DataFrame
    findings: list[Finding]

    def by_id(self) -> dict[str, Finding]:
        return {finding.id: finding for finding in self.findings}


def analyse(results_dir: Path) -> Analysis:
    """Analyses a results directory; any of its files may be absent.

    Args:
        results_dir: the directory of results.csv and the files beside it.

    Raises:
        StoreError: the directory does not exist, or a file in it is damaged.
    """
    sources = read_sources(results_dir)
    estimates = estimate(sources.rungs, sources.predictions, sources.labels)
    return Analysis(sources=sources, contrasts=table(estimates), findings=findings(sources, estimates))


def write_analysis(results_dir: Path) -> Analysis:
    """Analyses a results directory and writes contrasts.csv and findings.json into it, each atomically."""
    analysis = analyse(results_dir)
    write_findings(analysis, results_dir)
    return analysis


def write_findings(analysis: Analysis, results_dir: Path) -> None:
    """Writes contrasts.csv and findings.json into a results directory, each atomically.

    Raises:
        StoreError: a file cannot be written; NotWritable, if none can be written there.
    """
    write_text(results_dir / "contrasts.csv", analysis.contrasts.to_csv(index=False, lineterminator="\n"))
    write_json(
        results_dir / "findings.json",
        {"findings": [finding.to_dict() for finding in analysis.findings]},
    )
