"""Parses the command line and runs its verbs; heavy modules are imported inside the verbs."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from study import __version__
from study.budget import Deadline, parse_budget, process_started
from study.errors import StudyError, UsageError, out_of_memory
from study.flags import gpus, networks, path, resolution, seed, share, workers
from study.report.locale.messages import languages
from study.spec import RESOLUTIONS, StudySpec
from study.system.openmp import sleep_soon
from study.system.terminal import CALLED, flush, prepare, refused, say

if TYPE_CHECKING:
    from study.data import FashionMNIST

STARTED = process_started()
DEFAULT_BUDGET = "2h"
VERBS = ("report", "predict", "status", "doctor", "pretrain", "title-page", "run")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see --help)")


def main(argv: list[str] | None = None) -> int:
    """Runs a verb and returns the exit code.

    An error of the user or the machine prints one line on stderr and returns 2; Ctrl-C returns 130.
    """
    prepare()
    sleep_soon()
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = arguments.pop(0) if arguments and arguments[0] in VERBS else "run"
    verbs = {
        "run": _run,
        "report": _report,
        "predict": _predict,
        "status": _status,
        "doctor": _doctor,
        "pretrain": _pretrain,
        "title-page": _title_page,
    }
    try:
        try:
            return verbs[verb](arguments)
        finally:  # errors of the output occur here and not at the end of the interpreter
            flush()
    except StudyError as error:
        return refused(error)
    except BrokenPipeError:
        return 0
    except OSError as error:  # a full disk, no permission, a folder where a file should be
        return refused(f"{error.filename or 'the system'}: {error.strerror or error}")
    except MemoryError:
        return refused("not enough memory")
    except RuntimeError as error:
        told = (str(error).splitlines() or [""])[0]
        if not out_of_memory(f"{type(error).__name__}: {told}"):
            raise
        return refused(f"not enough memory: {told}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _verb(name: str, description: str) -> _Parser:
    parser = _Parser(prog=f"{CALLED} {name}".strip(), description=description)
    parser.add_argument("--results-dir", type=path, default=Path("results"))
    return parser


def _add_report_flags(parser: _Parser) -> None:
    parser.add_argument("--report-dir", type=path, default=Path("report_out"))
    parser.add_argument("--lang", choices=languages(), default="ru", help="language of the report")
    parser.add_argument("--title-page", type=path, help="YAML file with the title page's fields")
    parser.add_argument("--templates", type=path, help="a department's folder of styles and templates")
    parser.add_argument("--flat", action="store_true", help="main sections do not begin pages")


def _add_data_flags(parser: _Parser) -> None:
    parser.add_argument("--data-dir", type=path, help="folder with FashionMNIST (idx, CSV or zip)")
    parser.add_argument("--offline", action="store_true", help="never download anything")


def run_flags(arguments: list[str]) -> argparse.Namespace:
    """Parses the flags of the verb `run`; adds `seconds`, the time of --budget or --extend.

    Raises:
        UsageError: a flag or a combination of flags is invalid.
    """
    parser = _verb(
        "",
        "Comparative study of transfer learning on FashionMNIST. "
        "Verbs: report (rebuild the report), predict IMAGE | --index N, status, doctor, pretrain, "
        "title-page --init.",
    )
    _add_report_flags(parser)
    _add_data_flags(parser)
    time_given = parser.add_mutually_exclusive_group()
    time_given.add_argument(
        "--budget",
        help="wall-clock time: 2h, 90m, 1h30m, 1:30:00, 7200 seconds (by "
        "default that of the study in the results directory, else "
        f"{DEFAULT_BUDGET})",
    )
    time_given.add_argument("--extend", metavar="TIME", help="add time to the study that is there")
    settings = parser.add_argument_group("settings", "a study that goes on keeps those it was begun with")
    settings.add_argument("--models", type=networks, help="comma-separated networks (vgg11,googlenet)")
    settings.add_argument("--seeds", type=int, help="most final seeds per arm; may be changed later")
    settings.add_argument("--seed", type=seed, help="seed of the study (0)")
    settings.add_argument(
        "--resolution",
        type=resolution,
        metavar="auto|N",
        help=f"side of the images, one of {', '.join(map(str, RESOLUTIONS))} (auto: 32 "
        "on a processor, on a GPU the largest that the budget bears)",
    )
    settings.add_argument("--device", choices=("auto", "cpu", "cuda"))
    settings.add_argument("--precision", choices=("auto", "fp32", "bf16"))
    settings.add_argument(
        "--no-fold", action="store_true", default=None, help="keep VGG11's fc6 at full size"
    )
    parser.add_argument("--weights-dir", type=path, help="folder with torchvision's weight files")
    parser.add_argument(
        "--init-checkpoint", type=path, help="your own weights of one network; another gets its as usual"
    )
    parser.add_argument("--object", type=int, default=0, help="test object to classify, 0…9999")
    parser.add_argument(
        "--workers",
        type=workers,
        default=0,
        metavar="auto|N",
        help="runs side by side (auto: one for each core)",
    )
    parser.add_argument(
        "--ray",
        metavar="auto|ADDRESS",
        default="",
        help="runs on the nodes of a Ray cluster (docs/scale.md)",
    )
    parser.add_argument(
        "--gpus-per-run",
        type=gpus,
        default=0.0,
        metavar="N",
        help="GPUs of each run in the cluster, fractions allowed (0: a core)",
    )
    parser.add_argument(
        "--champion-share",
        type=share,
        default=0.25,
        help="share of the budget for the one network that is trained longest",
    )
    parser.add_argument(
        "--disk",
        type=float,
        default=6.0,
        metavar="GB",
        help="what checkpoints of trainings that may go on take at most",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="continue a study (default)")
    again.add_argument("--fresh", action="store_true", help="move an older study aside, start anew")
    parser.add_argument("--version", action="version", version=__version__)
    flags = parser.parse_args(arguments)
    if flags.extend is not None and flags.fresh:
        raise UsageError("--extend goes on with a study, --fresh begins another; give one of them")
    given = flags.extend if flags.budget is None else flags.budget
    flags.seconds = parse_budget(DEFAULT_BUDGET if given is None else given)
    flags.extension = 0.0
    if not 0 <= flags.object < 10_000:
        raise UsageError(f"--object must lie in 0…9999, got {flags.object}")
    if flags.seeds is not None and flags.seeds < 1:
        raise UsageError(f"--seeds must be at least 1, got {flags.seeds}")
    if flags.gpus_per_run and not flags.ray:
        raise UsageError("--gpus-per-run is for runs in a cluster; give --ray with it")
    return flags


def _run(arguments: list[str]) -> int:
    flags = run_flags(arguments)
    # The report is made at the end, but errors in its files must be found now.
    from study.report.text.title_page import read_title_page
    from study.store.files import require_folder
    from study.store.lock import StudyLock

    read_title_page(flags.title_page)
    if flags.templates is not None:
        from study.report.build import read_department

        read_department(flags.templates, flags.lang)
    if flags.weights_dir is not None and not flags.weights_dir.is_dir():
        raise UsageError(f"--weights-dir {flags.weights_dir} is not a folder")
    fashion: FashionMNIST | None = None
    if flags.data_dir is not None:  # reports a bad file before the slow imports
        from study.data import load

        fashion = load(flags.data_dir)
    if flags.extend is not None:
        from study.orchestration.status import extended

        flags.extension, flags.seconds = flags.seconds, extended(flags.results_dir, flags.seconds)
    elif flags.budget is None and not flags.fresh:
        from study.orchestration.status import budget_of

        flags.seconds = budget_of(flags.results_dir) or flags.seconds
    kept = _keep_settings(flags)
    flags.init_digest = kept.init_checkpoint if kept else ""
    if flags.init_checkpoint is not None:
        from study.pretraining.weight_sources import require_checkpoint

        flags.init_digest = require_checkpoint(
            flags.init_checkpoint, flags.models, flags.resolution or RESOLUTIONS[0]
        )
    if flags.dry_run:  # a dry run writes nothing
        return _study(flags, fashion)
    require_folder(flags.report_dir, "report directory")
    with StudyLock(flags.results_dir):  # before PyTorch, so that a second study is refused at once
        return _study(flags, fashion)


def _keep_settings(flags: argparse.Namespace) -> StudySpec | None:
    """Fills the settings that no flag gives from the study in the results directory, else with defaults.

    Returns:
        The settings of that study, or None without one.
    """
    from study.orchestration.status import settings_of

    kept = None if flags.fresh else settings_of(flags.results_dir)
    known = kept or StudySpec()
    flags.models = flags.models or known.models
    flags.seed = known.seed if flags.seed is None else flags.seed
    flags.seeds = known.max_seeds if flags.seeds is None else flags.seeds
    flags.fold = known.fold if flags.no_fold is None else False
    flags.device = flags.device or (kept.device if kept else "auto")
    flags.precision = flags.precision or (kept.precision.value if kept else "auto")
    if flags.resolution is None:
        flags.resolution = kept.resolution if kept else 0
    return kept


def _study(flags: argparse.Namespace, fashion: FashionMNIST | None) -> int:
    """Runs the study and returns the exit code, which is 1 if the report could not be built."""
    from study.orchestration.options import Options
    from study.orchestration.runner import Runner
    from study.training.runtime import detect, usable_workers

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
    )
    if not flags.resolution and runtime.device.type == "cuda":
        from study.planning.resolution import CANDIDATES, RUNG, SEEDS, largest, measured

        workers = usable_workers(runtime, flags.workers)
        side = largest(study, flags.seconds, workers, measured(study, runtime))
        study = replace(study, resolution=side)
        say(
            f"images of {side}×{side} pixels: the largest of {', '.join(map(str, CANDIDATES))} at which "
            f"every arm gets {RUNG:,} samples in {SEEDS} seeds, else {RESOLUTIONS[0]}"
        )
    options = Options(
        results_dir=flags.results_dir,
        report_dir=flags.report_dir,
        data_dir=flags.data_dir,
        weights_dir=flags.weights_dir,
        init_checkpoint=flags.init_checkpoint,
        title_page=flags.title_page,
        templates=flags.templates,
        lang=flags.lang,
        flat=flags.flat,
        offline=flags.offline,
        fresh=flags.fresh,
        dry_run=flags.dry_run,
        object_index=flags.object,
        extension=flags.extension,
        fashion=fashion,
        workers=flags.workers,
        ray=flags.ray,
        gpus_per_run=flags.gpus_per_run,
        champion_share=flags.champion_share,
        disk_gb=flags.disk,
    )
    deadline = Deadline(budget=flags.seconds, started=STARTED)
    runner = Runner(study=study, options=options, deadline=deadline, runtime=runtime)
    return 0 if runner.execute() else 1


def _report(arguments: list[str]) -> int:
    parser = _verb("report", "Rebuild the report from a results directory, without training.")
    _add_report_flags(parser)
    parser.add_argument(
        "--draft", action="store_true", help="sooner: PDF and page without pictures, form not checked"
    )
    flags = parser.parse_args(arguments)
    from study.analysis import write_analysis
    from study.report.build import build_report
    from study.report.form_check.result import summary
    from study.store.sqlite_integrity import require_whole
    from study.system.child_process import end_with_parent

    end_with_parent()
    require_whole(flags.results_dir / "ledger.sqlite")
    if not os.path.isfile(flags.results_dir / "results.csv"):
        raise UsageError(f"{flags.results_dir} holds no results.csv; run a study first")
    write_analysis(flags.results_dir)
    result = build_report(
        flags.results_dir,
        flags.report_dir,
        lang=flags.lang,
        title_page=flags.title_page,
        templates=flags.templates,
        flat=flags.flat,
        draft=flags.draft,
    )
    say(f"report: {result.pdf} ({result.pages} pages, {result.seconds:.1f} s)")
    if not flags.draft:
        say(f"editable report: {result.docx}")
    say(f"results: {flags.results_dir / 'results.csv'}")
    for line in summary(result.problems, result.pages, result.check) if result.check else ():
        say(line)
    return 0


def _predict(arguments: list[str]) -> int:
    parser = _verb("predict", "Classify an image file, or a test object by its index.")
    _add_data_flags(parser)
    parser.add_argument("image", nargs="?", type=path)
    parser.add_argument("--index", type=int)
    flags = parser.parse_args(arguments)
    if (flags.image is None) == (flags.index is None):
        raise UsageError("predict needs an image file or --index N, and not both")
    from study.explain.predict import predict

    for line in predict(flags.results_dir, flags.image, flags.index, flags.data_dir, offline=flags.offline):
        say(line)
    return 0


def _status(arguments: list[str]) -> int:
    flags = _verb(
        "status", "What is done, at work, failed, planned and left, from the ledger alone."
    ).parse_args(arguments)
    from study.orchestration.status import status

    for line in status(flags.results_dir):
        say(line)
    return 0


def _pretrain(arguments: list[str]) -> int:
    parser = _Parser(
        prog=f"{CALLED} pretrain",
        description="Make pre-trained weights from formulas (fractals), without any data set.",
    )
    parser.add_argument("--budget", default="10m", help="time for all networks together")
    parser.add_argument("--models", default="vgg11,googlenet", help="comma-separated networks")
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument("--output", type=path, default=Path("weights"), help="folder of the files")
    flags = parser.parse_args(arguments)
    deadline = Deadline(budget=parse_budget(flags.budget), started=STARTED)
    models = networks(flags.models)
    from study.store.files import require_folder

    require_folder(flags.output, "output folder")
    from study.orchestration.pretrain_verb import pretrain_only
    from study.training.runtime import detect

    pretrain_only(models, flags.output, deadline=deadline, seed=flags.seed, runtime=detect(), say=say)
    return 0


def _title_page(arguments: list[str]) -> int:
    parser = _Parser(
        prog=f"{CALLED} title-page",
        description="The title page's fields: write a commented example, or check a file.",
    )
    parser.add_argument("file", nargs="?", type=path, default=Path("title_page.yaml"))
    parser.add_argument("--init", action="store_true", help="write the example; never over a file")
    flags = parser.parse_args(arguments)
    from study.report.text.title_page import empty_fields, read_title_page, write_example

    if flags.init:
        write_example(flags.file)
        say(f"{flags.file}: fill it in, then give it by --title-page {flags.file}")
        return 0
    empty = empty_fields(read_title_page(flags.file))
    say(f"{flags.file}: usable; blank lines to write on: {', '.join(empty) or 'none'}")
    return 0


def _doctor(arguments: list[str]) -> int:
    parser = _verb("doctor", "What this machine lacks for a study, and the command that mends it.")
    parser.add_argument("--data-dir", type=path, help="folder with FashionMNIST (idx, CSV or zip)")
    parser.add_argument("--weights-dir", type=path, help="folder with torchvision's weight files")
    parser.add_argument("--ray", metavar="auto|ADDRESS", default="", help="look at a cluster's nodes too")
    flags = parser.parse_args(arguments)
    from study.doctor import checks, lines

    found = checks(data_dir=flags.data_dir, weights_dir=flags.weights_dir, results_dir=flags.results_dir)
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
