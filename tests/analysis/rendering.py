"""The smallest environment that answer templates need; references are stubs, numbers are real."""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from study.datasets import FASHION_MNIST
from study.networks import DEFAULT, NETWORKS
from study.report.locale.messages import TEMPLATES, read_words
from study.report.locale.number_format import Numbers
from study.report.text.template_globals import filters, tests

ANSWERS = tuple(f"q{number}" for number in range(1, 8))
EVERYTHING = (*ANSWERS, "preface", "summary", "conclusion")


@cache
def environment(lang: str = "ru") -> Environment:
    words = read_words(lang)
    numbers = Numbers.of(words)
    env = Environment(
        loader=FileSystemLoader([TEMPLATES / lang, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= filters(numbers, words)
    env.tests |= tests()
    env.globals |= {
        "descriptor": NETWORKS,
        "full": True,
        "words": words,
        "fig": lambda name: Markup("1"),
        "tab": lambda name: Markup("1"),
        "has_figure": lambda name: True,
        "has_table": lambda name: True,
        "cite": lambda *keys: Markup("[1]"),
        "table": lambda name, title, cls="", cols="", caller=None: caller(),
        "incidents": SimpleNamespace(unreached=lambda source: []),
        "resolution_words": lambda: words.resolution.format(size=32),
    }
    return env


def render_html(folder: Path, name: str, lang: str = "ru") -> str:
    stored = json.loads((folder / "findings.json").read_text(encoding="utf-8"))["findings"]
    findings = {item["id"]: item for item in stored}
    studied = set(pd.read_csv(folder / "results.csv")["model"])
    models = tuple(model for model in DEFAULT if model in studied)
    data = SimpleNamespace(
        dataset=FASHION_MNIST,
        models=models,
        seeds=findings["design"]["numbers"]["seeds_max"],
        sources={model: findings[f"q1.provenance.{model}"]["numbers"]["source"] for model in models},
    )
    template = environment(lang).get_template(f"answers/{name}.html")
    return template.render(findings=findings, data=data)


def render_answer(folder: Path, name: str, lang: str = "ru") -> str:
    return plain(render_html(folder, name, lang))


def plain(html: str) -> str:
    text = unescape(re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ").replace("\u202f", " ")
    return re.sub(r"\s+([,.;:)])", r"\1", " ".join(text.split()))
