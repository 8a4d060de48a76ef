"""The command printed to repeat a study has the flags that its results tell, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from planted import plant

from study.analysis import analyse
from study.cli import parse
from study.networks import DEFAULT
from study.report.data.report_data import ReportData
from study.report.data.rerun_command import repeat_flags

if TYPE_CHECKING:
    from conftest import Composer


def _change(results: Path, name: str, model: str, change: dict[str, Any]) -> None:
    path = results / name
    found = json.loads(path.read_text(encoding="utf-8"))
    (found["weights"] if name == "environment.json" else found)[model] |= change
    path.write_text(json.dumps(found), encoding="utf-8")


def test_both_networks_as_usual_need_few_flags(tmp_path: Path) -> None:
    data = ReportData.of(analyse(plant(tmp_path / "r", seeds=1, trials=0, budget=600)))
    assert repeat_flags(data) == "--budget 600 --seed 0 --resolution 32 --precision fp32"
    bare = ReportData.of(analyse(plant(tmp_path / "bare", bare=True)))
    assert repeat_flags(bare) == "--budget 7200 --seed 0 --resolution 32 --precision fp32"


def test_what_was_chosen_is_in_the_command(composer: Composer, tmp_path: Path) -> None:
    results = plant(tmp_path / "r", seeds=1, trials=0, models=("vgg11",))
    _change(results, "architecture.json", "vgg11", {"folded": False})
    _change(results, "pretraining.json", "vgg11", {"fallback_reason": ""})
    _change(results, "environment.json", "vgg11", {"path_name": "my weights.pth"})
    flags = (
        "--budget 7200 --seed 0 --models vgg11 --resolution 32 --precision fp32 --no-fold "
        "--init-checkpoint 'my weights.pth'"
    )
    assert repeat_flags(ReportData.of(analyse(results))) == flags
    for made in (composer, composer.of("en")):
        assert f"run_study.py {flags}".replace("'", "&#39;") in made(results)
    own = "взяты заданные пользователем веса"
    assert own in composer(results) and "веса ImageNet получить не удалось" not in composer(results)
    # The same source without a word of the user's file: made by the study where ImageNet was out of reach.
    _change(results, "pretraining.json", "vgg11", {"fallback_reason": "host not reachable"})
    assert "--init-checkpoint" not in repeat_flags(ReportData.of(analyse(results)))
    assert own not in composer(results)


@pytest.mark.parametrize("models", [("vgg11",), ("vgg11", "googlenet")])
def test_the_program_takes_the_flags(models: tuple[str, ...], tmp_path: Path) -> None:
    data = ReportData.of(analyse(plant(tmp_path / "r", seeds=1, trials=0, models=models, artifacts=False)))
    flags = parse(repeat_flags(data).split())
    assert tuple(model for model in flags.models or DEFAULT) == models
    assert (flags.budget, flags.seed, flags.precision) == (7200, 0, "fp32")
