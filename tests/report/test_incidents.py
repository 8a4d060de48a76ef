"""Sentences on what went wrong: told while it is so, and not once it was made good."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from planted import plant

from study.analysis import analyse
from study.report.data.incidents import Incidents
from study.report.data.report_data import ReportData
from study.report.figures import style

if TYPE_CHECKING:
    from conftest import Composer


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " ").split())


def _change(results: Path, name: str, change: dict[str, Any]) -> None:
    path = results / name
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(found | change), encoding="utf-8")


def _event(kind: str, model: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "model": model, "detail": "as it was"}


def test_pictures_are_called_missing_only_while_they_are(composer: Composer, tmp_path: Path) -> None:
    results = plant(tmp_path / "r", seeds=1, trials=0, models=("googlenet",))
    _change(results, "environment.json", {"events": [_event("pictures_missing")]})
    assert "Часть иллюстраций" not in composer(results)
    (results / "artifacts" / "errors.npz").unlink()
    assert "Часть иллюстраций по обученным сетям не построена" in composer(results)
    assert "Some pictures of the trained networks" in composer.of("en")(results)
    _change(results, "environment.json", {"events": []})
    assert "Часть иллюстраций" not in composer(results)


def test_no_picture_is_owed_that_the_runs_do_not_allow(tmp_path: Path) -> None:
    absent = tuple(
        f"googlenet-pretrained-{arm}" for arm in ("frozen", "full-uniform", "full-discriminative")
    )
    results = plant(tmp_path / "r", seeds=1, trials=0, models=("googlenet",), source="none", missing=absent)
    _change(results, "environment.json", {"events": [_event("pictures_missing")]})
    for name in ("gradcam", "featuremap"):  # one network has nothing to be compared with
        (results / "artifacts" / f"{name}-googlenet.npz").unlink()
    assert not Incidents(ReportData.of(analyse(results))).pictures_missing
    (results / "artifacts" / "object.npz").unlink()
    assert Incidents(ReportData.of(analyse(results))).pictures_missing


def test_imagenet_is_called_unreachable_only_where_it_is_missing(
    composer: Composer, tmp_path: Path
) -> None:
    results = plant(tmp_path / "r", seeds=1, trials=0)
    tables = {name: pd.read_csv(results / name) for name in ("results.csv", "rungs.csv")}

    def told(vgg11: str, googlenet: str) -> tuple[str, str]:
        sources = {"vgg11": vgg11, "googlenet": googlenet}
        for name, table in tables.items():
            mine = table["init"] == "pretrained"
            now = table.assign(init_source=table["model"].map(sources).where(mine, "none"))
            now.to_csv(results / name, index=False)
        _change(
            results,
            "environment.json",
            {
                "events": [_event("weights_unreachable", model) for model in sources],
                "weights": {
                    m: {"source": s, "sha256": "cd" * 32} for m, s in sources.items() if s != "none"
                },
            },
        )
        russian, english = _plain(composer(results)), _plain(composer.of("en")(results))
        return (
            russian.partition("] и Optuna")[2].partition("Таблица")[0],
            english.partition("measured speed.")[2].partition("Table")[0],
        )

    russian, english = told("fractal", "fractal")
    assert "Веса ImageNet недоступны, вместо них – предобучение на фракталах (подраздел 3.2)." in russian
    assert "weights could not be reached; pre-training on formula-generated fractals was" in english
    russian, english = told("none", "none")
    assert "Веса ImageNet недоступны, а заменить их собственным предобучением не удалось (" in russian
    assert "could not be reached, nor could the project’s own pre-training replace them (" in english
    russian, english = told("imagenet1k_v1", "imagenet1k_v1")
    assert "ImageNet" not in russian and "ImageNet" not in english
    russian, english = told("imagenet1k_v1", "fractal")
    assert "Веса ImageNet для GoogLeNet недоступны, вместо них – предобучение на фракталах (" in russian
    assert "The ImageNet weights of GoogLeNet could not be reached; pre-training on" in english
    russian, english = told("fractal", "none")
    assert "вместо них для VGG11 – предобучение на фракталах, для GoogLeNet заменить их" in russian
    assert "reached; for VGG11, pre-training on formula-generated fractals was used instead, for" in english


def test_the_font_is_called_missing_where_it_is(
    composer: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = plant(tmp_path / "r", bare=True)
    assert "на рисунках использован другой" not in composer(results)
    monkeypatch.setattr(style, "FONT", "Absent Serif")
    assert "на рисунках использован другой" in composer(results)
    assert "the figures use another one" in composer.of("en")(results)


def test_failures_of_trials_and_side_runs_have_their_reason(composer: Composer, tmp_path: Path) -> None:
    results = plant(tmp_path / "r", seeds=1, trials=4, models=("googlenet",))
    said = ("the loss is nan", "out of memory")
    for name, states in (
        ("trials.csv", {0: said[0], 1: said[0]}),
        ("experiments.csv", {0: said[1]}),
    ):
        table = pd.read_csv(results / name).astype({"reason": object, "state": object})
        for row, reason in states.items():
            table.loc[row, "reason"] = reason
            table.loc[row, "state"] = "failed"
        table.to_csv(results / name, index=False)
    assert Incidents(ReportData.of(analyse(results))).reasons() == [said[0], said[1]]
    for html in (composer(results), composer.of("en")(results)):
        last = _plain(html).partition(", не завершены:")[2] or _plain(html).partition("not finished:")[2]
        assert last.startswith(" the loss is nan; out of memory.")
