"""Parses the command line, runs its verb and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from study import __version__, verbs
from study.budget import DEFAULT_BUDGET, parse_budget
from study.datasets import DATASETS
from study.datasets import DEFAULT as DEFAULT_DATASET
from study.errors import StudyError, UsageError, out_of_memory
from study.flags import dataset, mlflow_uri, networks, number, path, resolution, workers
from study.networks import DEFAULT
from study.report.locale.messages import languages
from study.spec import MOST_SEED, MOST_SEEDS, RESOLUTIONS
from study.system.openmp import sleep_soon
from study.system.terminal import CALLED, flush, prepare, refused

#: Largest number of a test object; the data set of the study has the exact bound.
MOST_OBJECT = 10**7


class _Parser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        # An abbreviation could mean another flag in the next version, as --data did.
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see --help)")


def main(argv: list[str] | None = None) -> int:
    """Runs a verb and returns the exit code.

    An error of the user or the machine prints one line on stderr and returns 2; Ctrl-C returns 130.
    """
    prepare()
    sleep_soon()
    try:
        try:
            flags = parse(sys.argv[1:] if argv is None else argv)
            code: int = flags.execute(flags)
            return code
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


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses a command line; one that does not begin with a verb is that of the verb `run`.

    Returns:
        The flags of the verb, and as `execute` the function of `study.verbs` that runs it.

    Raises:
        UsageError: a flag or a value is unknown, missing, invalid or in conflict with another one.
    """
    whole = _Parser(
        prog=CALLED,
        description="Comparative study of transfer learning on FashionMNIST or your own images.",
        epilog=f"Without a verb, run is meant: {CALLED} --budget {DEFAULT_BUDGET}. "
        "VERB --help lists the flags of a verb.",
    )
    added = whole.add_subparsers(title="verbs", metavar="VERB")

    def verb(
        name: str, execute: Callable[[argparse.Namespace], int], summary: str, *shared: _Parser
    ) -> _Parser:
        parser = added.add_parser(name, help=summary, description=summary, parents=shared)
        parser.set_defaults(execute=execute)
        return parser

    results, folder, form, data, offline, weights, programs = (_Parser(add_help=False) for _ in range(7))
    results.add_argument(
        "--results-dir",
        type=path,
        default=Path("results"),
        help="folder of ledger, tables and checkpoints (results)",
    )
    folder.add_argument(
        "--report-dir", type=path, default=Path("report_out"), help="folder of the report (report_out)"
    )
    form.add_argument("--lang", choices=languages(), default="ru", help="language of the report")
    form.add_argument("--title-page", type=path, help="YAML file with the title page's fields")
    form.add_argument("--templates", type=path, help="a department's folder of styles and templates")
    form.add_argument(
        "--length",
        choices=("short", "full"),
        default="short",
        help="of PDF and Word file: what a laboratory report needs, or every experiment",
    )
    form.add_argument("--flat", action="store_true", help="main sections do not begin pages")
    form.add_argument(
        "--defence",
        action="store_true",
        help="also a sheet of two pages: what a teacher will ask, with answers from the study",
    )
    data.add_argument(
        "--data-dir", type=path, help="folder with the data set (idx, CSV or zip), or the archive itself"
    )
    offline.add_argument("--offline", action="store_true", help="never download anything")
    weights.add_argument("--weights-dir", type=path, help="folder with torchvision's weight files")
    programs.add_argument(
        "--mlflow",
        type=mlflow_uri,
        metavar="auto|URI",
        help="show the runs in MLflow: sqlite:///FILE or http://HOST:PORT (auto: MLFLOW_TRACKING_URI)",
    )
    programs.add_argument(
        "--tensorboard", type=path, metavar="DIR", help="write TensorBoard's event files there"
    )

    summary = "Run a study, or go on with the one in the results directory."
    run = verb("run", verbs.run, summary, results, folder, form, data, offline, weights, programs)
    _add_run_flags(run)
    for each in (whole, run):
        each.add_argument("--version", action="version", version=__version__)

    summary = "Rebuild the report from a results directory, without training."
    report = verb("report", verbs.report, summary, results, folder, form)
    report.add_argument(
        "--draft", action="store_true", help="sooner: PDF and page without pictures, form not checked"
    )

    summary = "Classify an image file, the pictures of a folder, or a test object by its index."
    predict = verb("predict", verbs.predict, summary, results, data, offline)
    shown = predict.add_mutually_exclusive_group(required=True)
    shown.add_argument(
        "image", nargs="?", type=path, metavar="PICTURE|FOLDER", help="an image file; with --csv a folder"
    )
    shown.add_argument("--index", type=int, metavar="N", help="number of a test object, from 0")
    predict.add_argument(
        "--explain", type=path, metavar="FILE.png", help="draw the picture and what the network saw of it"
    )
    predict.add_argument(
        "--csv",
        type=path,
        metavar="FILE.csv",
        help="answers to the pictures of FOLDER and of folders below",
    )

    summary = "Write the champion for other programs (ONNX, TorchScript), and a model card."
    export = verb("export", verbs.export, summary, results, data, offline)
    export.add_argument(
        "--onnx", type=path, metavar="FILE.onnx", help="for onnxruntime; needs the extra packages `export`"
    )
    export.add_argument(
        "--torchscript", type=path, metavar="FILE.pt", help="for PyTorch without this program"
    )
    export.add_argument(
        "--card",
        type=path,
        metavar="FILE.md|FOLDER",
        help="model card in the form of Hugging Face; in a folder it is README.md",
    )
    export.add_argument("--force", action="store_true", help="replace existing files")

    summary = "What is done, at work, failed and planned, and what time is left."
    verb("status", verbs.status, summary, results)

    summary = "Show the study in the browser while it goes on: time, curves, arms."
    watch = verb("watch", verbs.watch, summary, results)
    watch.add_argument("--port", type=number(int, 0, 65_535), default=0, help="0: any that is free")
    watch.add_argument("--lang", choices=languages(), default="ru", help="language of the page")

    summary = "Show a study in MLflow or TensorBoard: what is there and, while it is at work, what comes."
    verb("track", verbs.track, summary, results, folder, programs)

    summary = "What this machine lacks, and the command that mends it."
    doctor = verb("doctor", verbs.doctor, summary, results, data, weights)
    doctor.add_argument("--dataset", type=dataset, metavar="NAME", default=DEFAULT_DATASET)
    doctor.add_argument("--ray", metavar="auto|ADDRESS", default="", help="look at a cluster's nodes too")

    summary = "Check handed-in studies: that every number follows from the one before it, and copies."
    verify = verb("verify", verbs.verify, summary, data)
    verify.add_argument(
        "folders",
        nargs="+",
        type=path,
        metavar="DIR",
        help="folder with results/ and report_out/, or a results directory",
    )
    verify.add_argument("--rerun", action="store_true", help="also judge the stored champion again")

    summary = "Put two studies side by side: settings that differ, and their effects (a page in Markdown)."
    compare = verb("compare", verbs.compare, summary)
    for name in ("first", "second"):
        compare.add_argument(name, type=path, metavar="RESULTS_DIR", help="results directory of a study")

    summary = "Look at your own set of images: what is in it, before a study of it (`--data PATH`)."
    look = verb("look", verbs.look, summary)
    look.add_argument(
        "place",
        type=path,
        metavar="PATH",
        help="class folders with pictures, a zip of them, idx files, a CSV file of pixels, an .npz file",
    )
    look.add_argument("--json", type=path, metavar="FILE", help="also write all that was found")
    look.add_argument("--csv", type=path, metavar="FILE", help="also write a table of the findings")
    look.add_argument("--no-cache", action="store_true", help="decode anew, keep nothing in ~/.cache")

    summary = "Make pre-trained weights from fractals, without any data set."
    pretrain = verb("pretrain", verbs.pretrain, summary)
    pretrain.add_argument(
        "--budget", type=parse_budget, default="10m", help="time for all networks together"
    )
    pretrain.add_argument("--models", type=networks, default=DEFAULT, help="comma-separated networks")
    pretrain.add_argument("--seed", type=number(int, 0, MOST_SEED), default=0)
    pretrain.add_argument("--output", type=path, default=Path("weights"), help="folder of the files")

    summary = "Write an example of the title page's fields, or check a file."
    title_page = verb("title-page", verbs.title_page, summary)
    title_page.add_argument("file", nargs="?", type=path, default=Path("title_page.yaml"))
    title_page.add_argument("--init", action="store_true", help="write the example; never over a file")

    if not arguments or arguments[0] not in (*added.choices, "-h", "--help"):
        arguments = ["run", *arguments]
    return whole.parse_args(arguments)


def _add_run_flags(run: _Parser) -> None:
    time = run.add_mutually_exclusive_group()
    time.add_argument(
        "--budget",
        type=parse_budget,
        help="wall-clock time: 2h, 90m, 1h30m, 1:30:00, 7200 seconds (by default that of the study in "
        f"the results directory, else {DEFAULT_BUDGET})",
    )
    time.add_argument(
        "--extend",
        dest="extension",
        type=parse_budget,
        default=0.0,
        metavar="TIME",
        help="add time to the study that is there",
    )
    settings = run.add_argument_group("settings", "a study that goes on keeps those it was begun with")
    settings.add_argument("--models", type=networks, help="comma-separated networks (vgg11,googlenet)")
    settings.add_argument(
        "--dataset",
        type=dataset,
        metavar="NAME",
        help=f"data set, one of {', '.join(DATASETS)} ({DEFAULT_DATASET})",
    )
    settings.add_argument(
        "--data",
        type=path,
        metavar="PATH",
        help="your own images instead: class folders, a zip of them, idx, CSV or .npz (see `look`)",
    )
    settings.add_argument(
        "--flips",
        choices=("auto", "yes", "no"),
        default="auto",
        help="whether training mirrors the pictures of --data (auto: by the names of the classes)",
    )
    settings.add_argument(
        "--seeds", type=number(int, 1, MOST_SEEDS), help="most final seeds per arm; may be changed later"
    )
    settings.add_argument("--seed", type=number(int, 0, MOST_SEED), help="seed of the study (0)")
    settings.add_argument(
        "--resolution",
        type=resolution,
        metavar="auto|N",
        help=f"side of the images, one of {', '.join(map(str, RESOLUTIONS))} (auto: 32 "
        "on a processor, on a GPU the largest that the budget bears)",
    )
    settings.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to train (auto)")
    settings.add_argument(
        "--precision", choices=("auto", "fp32", "bf16"), help="auto: bf16 where it is fast, else fp32"
    )
    settings.add_argument(
        "--no-fold", action="store_true", default=None, help="keep VGG11's fc6 at full size"
    )
    run.add_argument(
        "--init-checkpoint", type=path, help="your own weights for one network; others get theirs as usual"
    )
    run.add_argument(
        "--object",
        dest="object_index",
        type=number(int, 0, MOST_OBJECT),
        default=0,
        metavar="N",
        help=f"test object to classify, 0…{DATASETS[DEFAULT_DATASET].test_images - 1} of {DEFAULT_DATASET}",
    )
    run.add_argument(
        "--workers",
        type=workers,
        default=0,
        metavar="auto|N",
        help="runs side by side (auto: one for each core)",
    )
    run.add_argument(
        "--ray",
        metavar="auto|ADDRESS",
        default="",
        help="runs on the nodes of a Ray cluster (docs/scale.md)",
    )
    run.add_argument(
        "--gpus-per-run",
        type=number(float, 0, 8),
        default=0.0,
        metavar="N",
        help="GPUs of each run in the cluster, fractions allowed (0: a core)",
    )
    run.add_argument(
        "--champion-share",
        type=number(float, 0, 0.9),
        default=0.25,
        help="share of the budget for the one network that is trained longest",
    )
    run.add_argument(
        "--disk",
        dest="disk_gb",
        type=float,
        default=6.0,
        metavar="GB",
        help="what checkpoints of trainings that may go on take at most",
    )
    run.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    run.add_argument("--fresh", action="store_true", help="move an older study aside, start anew")
