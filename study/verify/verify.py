"""Verifies the studies in one or more folders and tells the result in a line each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from study.analysis import analyse
from study.datasets import forget_own, is_own
from study.errors import StoreError, StudyError, UsageError
from study.orchestration.settings import settings
from study.store.ledger import LEDGER, Ledger
from study.verify.accuracies import accuracies_follow, labels_are_those_of_the_data
from study.verify.check import Check, Verified, carried_out, holds, unchecked
from study.verify.copies import Times, copies, times_of
from study.verify.registration import registration_holds
from study.verify.report_numbers import report_follows
from study.verify.tables import contrasts_follow, tables_follow


def verify(folders: Sequence[Path], *, data_dir: Path | None = None, rerun: bool = False) -> list[Verified]:
    """Checks every study; a folder that holds none is not valid, with the reason.

    Args:
        folders: each the results directory of a study, or a folder with `results/` and `report_out/`.
        data_dir: folder of the data set; None for the usual folders. Nothing is downloaded.
        rerun: whether to judge the stored champions again.

    Raises:
        UsageError: one of the folders does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder")
    found: list[Verified] = []
    times: dict[Path, Times] = {}
    for folder in folders:
        results = folder / "results" if (folder / "results").is_dir() else folder
        forget_own()
        try:
            with closing(Ledger(results / LEDGER, read_only=True)) as ledger:
                ledger.require_sound()
                times[folder] = times_of(ledger)
                checks = _checks(ledger, results, _report_of(results), data_dir, rerun=rerun)
        except StudyError as error:
            checks = [unchecked("ledger", str(error))]
        found.append(Verified(folder=folder, checks=tuple(checks)))
    twins = copies(times)
    return [
        Verified(folder=each.folder, checks=each.checks, copy_of=twins.get(each.folder)) for each in found
    ]


def _checks(
    ledger: Ledger, results: Path, report: Path, data_dir: Path | None, *, rerun: bool
) -> list[Check]:
    study = settings(ledger)
    if study is None:
        raise StoreError(f"{ledger.path} does not hold the settings of its study")
    if is_own(study.dataset):
        data_dir = None  # its pictures lie in the results
    made = [
        holds("ledger", f"{len(ledger.records())} records"),
        carried_out("tables", partial(tables_follow, ledger, results)),
    ]
    try:
        analysis = analyse(results)
    except StudyError as error:
        return [*made, unchecked("contrasts", str(error))]
    sources = analysis.sources
    made += [
        carried_out("accuracies", partial(accuracies_follow, sources)),
        carried_out("labels", partial(labels_are_those_of_the_data, sources, study, data_dir)),
        carried_out("contrasts", partial(contrasts_follow, analysis, results)),
        carried_out("preregistration", partial(registration_holds, ledger, sources)),
        carried_out("report", partial(report_follows, analysis, report)),
    ]
    if rerun:
        from study.verify.rerun import champion_repeats

        made.append(carried_out("champion", partial(champion_repeats, sources, study, results, data_dir)))
    return made


def _report_of(results: Path) -> Path:
    """Returns the PDF beside a results directory, or where it would be."""
    places = (results.parent / "report_out", results.parent, results)
    paths = [place / "report.pdf" for place in places]
    return next((path for path in paths if path.is_file()), paths[0])
