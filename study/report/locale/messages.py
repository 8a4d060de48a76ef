"""Reads the short words of one language (templates/<lang>/words.yaml), so that code has no prose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from study.errors import ReportError
from study.networks import NETWORKS, compared

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"


@dataclass(frozen=True, kw_only=True)
class Words:
    """Labels of one language by kind, for example `words.model["vgg11"]`.

    An unknown kind raises AttributeError, and an unknown label KeyError.

    Attributes:
        kinds: content of words.yaml; each of its keys is also an attribute.
    """

    kinds: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.kinds:
            raise AttributeError(name)
        return self.kinds[name]


def languages(templates: Path = TEMPLATES) -> tuple[str, ...]:
    """Returns the languages of the report, which are the folders that hold words.yaml."""
    return tuple(sorted(path.parent.name for path in templates.glob("*/words.yaml")))


def read_words(lang: str, models: Iterable[str] = (), templates: Path = TEMPLATES) -> Words:
    """Returns the words of a language.

    Args:
        lang: a folder of `templates`.
        models: the networks of the study, which give the contrast between networks its name.
        templates: folder of the templates.

    Raises:
        ReportError: there is no such language.
    """
    path = templates / lang / "words.yaml"
    if not path.is_file():
        raise ReportError(f"there is no report in language {lang!r}")
    kinds = yaml.safe_load(path.read_text(encoding="utf-8"))
    titles = {str(name): network.title for name, network in NETWORKS.items()}
    first, *others = (titles[name] for name in compared(models))
    between = kinds["contrast"]["model"].format(first=first, others=", ".join(others))
    return Words(
        kinds={
            **kinds,
            "model": titles,
            "contrast": {**kinds["contrast"], "model": between},
            "contrast_model": titles | kinds["contrast_model"],
        }
    )
