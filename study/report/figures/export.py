"""Gives every figure the forms in which others can use it: SVG, PDF, and the numbers as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from study.report.figures.style import Drawing, look, save

#: Forms of a figure by the ending of its file. Versions before the last wrote pictures as PNG.
_FORMS = ("svg", "pdf", "csv")
_FORMER = ("png",)


def figure_files(drawings: Mapping[str, Drawing]) -> dict[str, bytes]:
    """Returns the content of the three files of each figure by file name."""
    files: dict[str, bytes] = {}
    with look():
        for name, drawing in drawings.items():
            whole = drawing.media == "image/svg+xml"
            files[f"{name}.svg"] = drawing.data if whole else save(drawing.figure, "svg")
            files[f"{name}.pdf"] = save(drawing.figure, "pdf")
            files[f"{name}.csv"] = drawing.plotted.text().encode("utf-8")
    return files


def file_names(figures: Iterable[str]) -> frozenset[str]:
    """Returns the names of all files that this version or an earlier one writes for the figures."""
    return frozenset(f"{name}.{form}" for name in figures for form in (*_FORMS, *_FORMER))
