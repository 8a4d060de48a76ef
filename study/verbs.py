"""Runs the verbs of the command line; each imports what it needs when it runs, so that a start is quick.

A verb takes its parsed flags (`study.cli.parse`) and returns the exit code.
"""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from contextlib import closing, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from study.budget import DEFAULT_BUDGET, Deadline, parse_budget, process_started
from study.datasets import DATASETS
from study.errors import NotWritable, StoreError, UsageError
from study.spec import RESOLUTIONS, StudySpec
from study.system.terminal import say

if TYPE_CHECKING:
    from study.analysis import Analysis

#: The seconds of a budget count from here.
STARTED = process_started()


def run(flags: Namespace) -> int:
    """Runs a study; the exit code is 1 if the report could not be built."""
    if flags.extension and flags.fresh:
        raise UsageError("--extend goes on with a study, --fresh begins another; give one of them")
    if flags.gpus_per_run and not flags.ray:
        raise UsageError("--gpus-per-run is for runs in a cluster; give --ray with it")
    # The report is made at the end, but errors in its files must be found now.
    from study.report.text.title_page import read_title_page
    from study.store.files import require_folder
    from study.store.lock import StudyLock, report_lock

    read_title_page(flags.title_page, say)
    if flags.templates is not None:
        from study.report.build import read_department

        read_department(flags.templates, flags.lang)
    if flags.weights_dir is not None and not flags.weights_dir.is_dir():
        raise UsageError(f"--weights-dir {flags.weights_dir} is not a folder")
    if flags.mlflow:
        from study.tracking.address import require_usable

        require_usable(flags.mlflow, flags.results_dir)
    flags.images = flags.data_look = None
    if flags.data is not None:
        _take_own_set(flags)
    elif flags.flips != "auto":
        raise UsageError(
            "--flips is for the pictures of --data; a study that goes on keeps what it began with"
        )
    _keep_settings(flags)
    if flags.data_dir is not None:  # reports a bad file before the slow imports
        from study.data import load

        flags.images = load(DATASETS[flags.dataset], flags.data_dir)
    if flags.dry_run:  # a dry run writes nothing
        return _run_study(flags)
    limits = require_folder(flags.report_dir, "report directory")
    if flags.tensorboard is not None:
        limits += require_folder(flags.tensorboard, "TensorBoard's folder")
    # Before PyTorch, so that a second study is refused at once.
    with StudyLock(flags.results_dir) as lock, report_lock(flags.report_dir, flags.results_dir, say):
        for limit in (*lock.limits, *require_folder(flags.results_dir, "results directory"), *limits):
            say(limit)
        return _run_study(flags)


def _take_own_set(flags: Namespace) -> None:
    """Reads the set of images that --data names, tells what is in it, and makes it the study's data set."""
    if flags.dataset or flags.data_dir:
        raise UsageError("--data names the data set of the study; leave out --dataset and --data-dir")
    from study.data_look.own_study import take

    flags.images, flags.data_look = take(flags.data, flips=flags.flips, tell=say)
    flags.dataset = flags.images.data.name


def _keep_settings(flags: Namespace) -> None:
    """Fills what no flag gives from the study in the results directory, else with defaults."""
    from study.orchestration.status import budget_of, extended, settings_of

    if flags.extension:
        flags.budget = extended(flags.results_dir, flags.extension)
    elif flags.budget is None and not flags.fresh:
        flags.budget = budget_of(flags.results_dir)
    flags.budget = flags.budget or parse_budget(DEFAULT_BUDGET)
    kept = None if flags.fresh else settings_of(flags.results_dir)
    known = kept or StudySpec()
    flags.models = flags.models or known.models
    flags.dataset = flags.dataset or known.dataset
    tested = DATASETS[flags.dataset].test_images
    if flags.object_index >= tested:
        raise UsageError(f"--object {flags.object_index}: {flags.dataset} has test objects 0…{tested - 1}")
    flags.seed = known.seed if flags.seed is None else flags.seed
    flags.seeds = known.max_seeds if flags.seeds is None else flags.seeds
    flags.fold = known.fold if flags.no_fold is None else False
    flags.device = flags.device or (kept.device if kept else "auto")
    flags.precision = flags.precision or (kept.precision.value if kept else "auto")
    if flags.resolution is None:
        flags.resolution = kept.resolution if kept else 0
    flags.init_digest = known.init_checkpoint
    if flags.init_checkpoint is not None:
        from study.pretraining.weight_sources import require_checkpoint

        flags.init_digest = require_checkpoint(
            flags.init_checkpoint, flags.models, flags.resolution or RESOLUTIONS[0]
        )


def _run_study(flags: Namespace) -> int:
    from study.orchestration.options import Options
    from study.orchestration.runner import Runner
    from study.training.runtime import detect, usable_workers, visible_gpus

    runtime = detect(flags.device, flags.precision)
    study = StudySpec(
        models=flags.models,
        seed=flags.seed,
        resolution=flags.resolution or RESOLUTIONS[0],
        device=runtime.device.type,
        precision=runtime.precision,
        fold=flags.fold,
        max_seeds=flags.seeds,
        init_checkpoint=flags.init_digest,
        dataset=flags.dataset,
    )
    if not flags.resolution and runtime.device.type == "cuda":
        from study.planning.resolution import CANDIDATES, RUNG, SEEDS, largest, measured

        # Several workers on one device share its speed, which is measured with one.
        workers = min(usable_workers(runtime, study.data, flags.workers), max(1, len(visible_gpus())))
        side = largest(study, flags.budget, workers, measured(study, runtime))
        study = replace(study, resolution=side)
        say(
            f"images of {side}×{side} pixels: the largest of {', '.join(map(str, CANDIDATES))} at which "
            f"every arm gets {RUNG:,} samples in {SEEDS} seeds, else {RESOLUTIONS[0]}"
        )
    options = Options(**{field.name: getattr(flags, field.name) for field in fields(Options)})
    deadline = Deadline(budget=flags.budget, started=STARTED)
    runner = Runner(study=study, options=options, deadline=deadline, runtime=runtime)
    return 0 if runner.execute() else 1


def report(flags: Namespace) -> int:
    """Builds the report from a results directory."""
    from study.analysis import analyse
    from study.report.build import build_report, read_department
    from study.report.form_check.result import summary
    from study.report.text.length import Length
    from study.report.text.title_page import read_title_page
    from study.store.files import never_recreate
    from study.store.lock import report_lock
    from study.store.sqlite_integrity import require_whole
    from study.system.child_process import end_with_parent, has_parent

    end_with_parent()
    require_whole(flags.results_dir / "ledger.sqlite")
    results = flags.results_dir / "results.csv"
    if not os.path.isfile(results):
        raise UsageError(f"{flags.results_dir} holds no results.csv; run a study first")
    read_title_page(flags.title_page, (lambda line: None) if has_parent() else say)
    read_department(flags.templates, flags.lang)  # before anything is made
    with never_recreate(flags.results_dir, results.name):
        analysis = analyse(flags.results_dir)
        writable = _write_findings(flags.results_dir, analysis)
        with report_lock(flags.report_dir, flags.results_dir, say):
            result = build_report(
                analysis,
                flags.report_dir,
                lang=flags.lang,
                title_page=flags.title_page,
                templates=flags.templates,
                flat=flags.flat,
                length=Length(flags.length),
                draft=flags.draft,
                defence=flags.defence,
            )
        say(f"report: {result.pdf} ({result.pages} pages, {result.seconds:.1f} s)")
        if result.docx:
            say(f"editable report: {result.docx}")
        if result.defence:
            say(f"for the defence: {result.defence}")
        say(f"results: {results}")
        if writable and not flags.draft:
            _write_workbook(flags.results_dir, analysis)
    for line in summary(result.problems, result.pages, result.check) if result.check else ():
        say(line)
    if result.figures and not has_parent():  # a study tells it itself, as its last line
        say(f"figures as SVG, PDF and CSV: {result.figures}")
    return 0


def _write_findings(folder: Path, analysis: Analysis) -> bool:
    """Writes contrasts and findings beside the tables; returns False if nothing can be written there."""
    from study.analysis import write_findings

    try:
        write_findings(analysis, folder)
    except NotWritable as error:
        say(f"{error}; the report is made from the tables there, which stay as they are")
        return False
    return True


def _write_workbook(folder: Path, analysis: Analysis) -> None:
    from study.store.workbook import write_workbook

    try:
        say(f"for a spreadsheet: {write_workbook(folder, analysis.sources.tables())}")
    except StoreError as error:
        say(f"no workbook: {error}")


def predict(flags: Namespace) -> int:
    """Prints the champion's answer to a picture, or writes those to the pictures of a folder."""
    if flags.csv is not None or (flags.image is not None and flags.image.is_dir()):
        return _predict_folder(flags)
    from study.explain.predict import predict as answer

    asked = flags.results_dir, flags.image, flags.index, flags.data_dir
    for line in answer(*asked, offline=flags.offline, explain=flags.explain):
        say(line)
    return 0


def _predict_folder(flags: Namespace) -> int:
    """Writes the answers to all pictures of a folder; the exit code is 1 if a picture got none."""
    if flags.csv is None:
        raise UsageError(f"{flags.image} is a folder; give --csv FILE.csv for the answers")
    if flags.image is None or not flags.image.is_dir():
        raise UsageError(f"--csv is for a folder of pictures; {flags.image or '--index'} is none")
    if flags.explain is not None:
        raise UsageError("--explain draws one picture; without it --csv goes through the folder")
    from study.explain.predict_folder import predict_folder

    return 0 if predict_folder(flags.results_dir, flags.image, flags.csv, say) else 1


def export(flags: Namespace) -> int:
    """Writes the champion for other programs."""
    from study.export.export import export as write

    lines = write(
        flags.results_dir,
        onnx=flags.onnx,
        torchscript=flags.torchscript,
        card_place=flags.card,
        data_dir=flags.data_dir,
        offline=flags.offline,
        force=flags.force,
    )
    for line in lines:
        say(line)
    return 0


def status(flags: Namespace) -> int:
    """Prints how far the study in the results directory has come."""
    from study.orchestration.status import status as lines

    for line in lines(flags.results_dir):
        say(line)
    return 0


def watch(flags: Namespace) -> int:
    """Serves a page that shows the study in the results directory, until Ctrl-C."""
    from study.watch.server import WatchServer

    with (
        WatchServer(flags.results_dir, port=flags.port, lang=flags.lang) as server,
        suppress(KeyboardInterrupt),
    ):
        say(f"{flags.results_dir} can be watched at {server.address} on this machine; Ctrl-C ends the page")
        server.serve_forever()
    return 0


def track(flags: Namespace) -> int:
    """Shows the study in the results directory in MLflow or TensorBoard."""
    from study.tracking.verb import track as show

    return show(
        flags.results_dir,
        report_dir=flags.report_dir,
        mlflow=flags.mlflow or "",
        tensorboard=flags.tensorboard,
    )


def doctor(flags: Namespace) -> int:
    """Prints what this machine, and a cluster if its address is given, lacks for a study."""
    from study.doctor import checks, lines

    found = checks(
        data=DATASETS[flags.dataset],
        data_dir=flags.data_dir,
        weights_dir=flags.weights_dir,
        results_dir=flags.results_dir,
    )
    for line in lines(found):
        say(line)
    if flags.ray:
        from study.orchestration.executors.ray_nodes import Nodes
        from study.orchestration.executors.ray_nodes import lines as node_lines
        from study.training.runtime import WORKER_GB

        with closing(Nodes(address=flags.ray)) as nodes:
            for line in node_lines(nodes, lambda runs: runs * WORKER_GB):
                say(line)
    return 0


def verify(flags: Namespace) -> int:
    """Checks studies and prints a line for each; the exit code is 1 if one is not valid."""
    from study.verify.verify import verify as check

    found = check(flags.folders, data_dir=flags.data_dir, rerun=flags.rerun)
    for each in found:
        say(each.line())
    return 0 if all(each.valid for each in found) else 1


def compare(flags: Namespace) -> int:
    """Prints what differs between two studies."""
    from study.compare import compare as lines

    for line in lines(flags.first, flags.second):
        say(line)
    return 0


def look(flags: Namespace) -> int:
    """Looks at a set of images; what it finds is no error."""
    from study.data.image_formats import read_images
    from study.data.picture_cache import cache_folder
    from study.data_look.export import as_json, as_table
    from study.data_look.look import look as look_at
    from study.data_look.page import page
    from study.store.files import write_json, write_text
    from study.store.tables import csv_text

    for file in filter(None, (flags.json, flags.csv)):
        if file.is_dir():
            raise UsageError(f"{file} is a folder; name a file")
        if file.exists() and os.path.exists(flags.place) and os.path.samefile(file, flags.place):
            raise UsageError(f"{file} is the set itself; name another file")
    cache = None if flags.no_cache else cache_folder()
    found = look_at(read_images(flags.place, cache=cache, tell=say))
    for line in page(found, shutil.get_terminal_size((100, 24)).columns):
        say(line)
    if flags.json:
        write_json(flags.json, as_json(found))
        say(f"all that was found: {flags.json}")
    if flags.csv:
        write_text(flags.csv, csv_text(as_table(found)))
        say(f"table of the findings: {flags.csv}")
    return 0


def pretrain(flags: Namespace) -> int:
    """Makes pre-trained weights from formulas."""
    from study.store.files import require_folder

    for limit in require_folder(flags.output, "output folder"):
        say(limit)
    from study.orchestration.pretrain_verb import pretrain_only
    from study.training.runtime import detect

    deadline = Deadline(budget=flags.budget, started=STARTED)
    pretrain_only(flags.models, flags.output, deadline=deadline, seed=flags.seed, runtime=detect(), say=say)
    return 0


def title_page(flags: Namespace) -> int:
    """Writes an example of a title page's file, or checks such a file."""
    from study.report.text.title_page import empty_fields, read_title_page, write_example

    if flags.init:
        write_example(flags.file)
        say(f"{flags.file}: fill it in, then give it by --title-page {flags.file}")
        return 0
    empty = empty_fields(read_title_page(flags.file, say))
    say(f"{flags.file}: usable; blank lines to write on: {', '.join(empty) or 'none'}")
    return 0
