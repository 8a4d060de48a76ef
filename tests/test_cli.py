"""The command line: what one without a verb means, what the help shows, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from study.cli import main, parse
from study.orchestration.options import Options

VERBS = (
    "run",
    "report",
    "predict",
    "export",
    "status",
    "watch",
    "track",
    "look",
    "doctor",
    "pretrain",
    "title-page",
)


@pytest.mark.parametrize(
    "arguments",
    [[], ["--budget", "90m"], ["--dry-run", "--models", "vgg11"], ["--extend=1h"], ["--lang", "en"]],
)
def test_a_command_without_a_verb_runs_a_study(arguments: list[str]) -> None:
    assert parse(arguments) == parse(["run", *arguments])


def test_every_option_of_a_study_has_its_flag() -> None:
    known = {"images", "data_look"}  # what is read of --data-dir and --data
    options = {field.name for field in fields(Options)} - known
    assert options <= vars(parse([])).keys()


def _help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    return capsys.readouterr().out


def test_the_help_lists_the_verbs_and_leaves_their_flags_to_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = _help(["--help"], capsys)
    assert all(f"\n    {verb}" in told for verb in VERBS)
    assert "--budget BUDGET" not in told and "--draft" not in told


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_has_its_flags_and_no_others(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {
        "report": "[--draft]",
        "predict": "[--index",
        "export": "[--onnx",
        "pretrain": "[--output",
        "title-page": "[--init]",
    }
    told = _help([verb, "--help"], capsys)
    assert f"usage: run_study.py {verb} " in told
    assert {name for name, flag in own.items() if flag in told} == {verb} & own.keys()
    assert ("--fresh" in told) == (verb == "run")
    assert ("--budget" in told) == (verb in ("run", "pretrain"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["reports"],
        ["--budget", "2h", "report"],
        ["--resume"],
        ["--budget", "1h", "--extend", "1h"],
        ["--extend", "1h", "--fresh"],
        ["--gpus-per-run", "1"],
        ["--seeds", "0"],
        ["--seed", "-1"],
        ["--object", "10000"],
        ["--champion-share", "nan"],
        ["--budget", "soon"],
        ["--models", "vgg19"],
        ["--dataset", "cifar10"],
        ["status", "--offline"],
        ["predict"],
        ["predict", "picture.png", "--index", "1"],
        ["export"],
        ["export", "--index", "1"],
        ["pretrain", "--budget", "1s"],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("error: ") and told.err.count("\n") == 1


def test_the_flags_are_read_before_anything_heavy_is_imported() -> None:
    heavy = "torch", "numpy", "pandas", "matplotlib", "weasyprint", "optuna"
    code = f"import sys; from study.cli import parse; parse([]); print(*sys.modules.keys() & {heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
