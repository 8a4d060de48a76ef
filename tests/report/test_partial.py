"""Studies that were cut short or went wrong give a report of the same form that says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from planted import plant
from printing import print_report

from study.report.form_check.check import check_document
from study.report.form_check.pdf import read_pdf
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers

_PRETRAINED = tuple(
    f"{model}-pretrained-{arm}"
    for model in ("vgg11", "googlenet")
    for arm in ("frozen", "full-uniform", "full-discriminative")
)


def _three_minutes(folder: Path) -> Path:
    """No weights and no time to make any; one seed of some arms, nothing tuned."""
    few = (*_PRETRAINED, "vgg11-scratch-full-discriminative", "googlenet-scratch-full-discriminative")
    return plant(folder, seeds=1, trials=0, source="none", missing=few, budget=180, artifacts=False)


def _ten_minutes(folder: Path) -> Path:
    """One seed, two trials an arm, the study stopped before its end."""
    return plant(
        folder, seeds=1, trials=2, budget=600, finished=False, artifacts=False, models=("googlenet",)
    )


def _failures(folder: Path) -> Path:
    """An arm that was skipped, two that lost a seed."""
    failed = ("googlenet-scratch-full-uniform", "googlenet-pretrained-full-uniform")
    return plant(
        folder,
        seeds=2,
        trials=2,
        missing=("googlenet-pretrained-frozen",),
        failed=failed,
        artifacts=False,
        models=("googlenet",),
    )


@pytest.mark.parametrize(
    ("study", "says"),
    [
        pytest.param(
            _three_minutes,
            ["весов получить не удалось", "Подбор гиперпараметров не проводился", "3 мин"],
            marks=pytest.mark.long,
        ),
        (_ten_minutes, ["до окончания исследования", "интервал не определён", "10 мин"]),
        (_failures, ["потери перестали быть числом", "ошибка", "не хватило бюджета времени"]),
    ],
)
def test_the_form_holds_and_what_is_missing_is_said(
    study: Callable[[Path], Path], says: list[str], tmp_path: Path, words: Words, numbers: Numbers
) -> None:
    print_report(study(tmp_path / "results"), tmp_path / "report.pdf", words, numbers)
    pdf = read_pdf(tmp_path / "report.pdf")
    assert check_document(pdf, words) == []
    text = " ".join(line.text for line in pdf.lines).replace("\u2010 ", "")
    assert [phrase for phrase in says if phrase not in text] == []
