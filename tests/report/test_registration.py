"""What was declared before the first evaluation is printed by its hash, and a later change is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from planted import plant

from study.analysis.registration import digest, rules
from study.networks import DEFAULT
from study.report.locale.messages import languages
from study.store.files import write_json

if TYPE_CHECKING:
    from conftest import Composer

SAID = {
    "ru": ("изменён или утрачен", "применяет другие правила"),
    "en": ("has been altered or lost", "applies other rules"),
}


@pytest.mark.parametrize("lang", languages())
def test_the_report_prints_the_hash_and_tells_what_has_changed(
    lang: str, tmp_path: Path, composer: Composer
) -> None:
    results = plant(tmp_path, seeds=2, trials=0, models=("googlenet",), artifacts=False)
    known = json.loads((results / "environment.json").read_text(encoding="utf-8"))
    altered, other = SAID[lang]

    def told(registered: dict[str, object], hashed: dict[str, object]) -> str:
        write_json(results / "preregistration.json", registered)
        write_json(results / "environment.json", {**known, "preregistration": digest(hashed)})
        text: str = composer.of(lang)(results)
        assert digest(hashed)[:16] in text
        return text

    now = {"rules": rules(DEFAULT), "study": {"seed": 0}}
    text = told(now, now)
    assert altered not in text and other not in text
    assert altered in told({**now, "study": {"seed": 1}}, now)
    before = {"rules": {**rules(DEFAULT), "alpha": 0.1}}
    text = told(before, before)
    assert other in text and altered not in text
    (results / "environment.json").write_text(json.dumps(known), encoding="utf-8")
    assert "preregistration.json" not in composer.of(lang)(results), "an older study has none"


def test_the_hash_does_not_depend_on_the_form_of_the_file() -> None:
    assert digest({"a": (1, 2), "b": 1.5}) == digest(json.loads('{"b": 1.5, "a": [1, 2]}'))
    assert digest({"a": 1}) != digest({"a": 2})
