"""Reads the short words of one language (templates/<lang>/words.yaml), so that code has no prose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from study.datasets import DEFAULT, FASHION_MNIST, DatasetDescriptor
from study.errors import ReportError
from study.networks import NETWORKS, compared

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
#: The reader in C is seven times as fast; a PyYAML that was built without libyaml lacks it.
_SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


def read_yaml(path: Path) -> Any:
    """Returns the content of a YAML file of the templates."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_SAFE_LOADER)


def read_words(
    lang: str,
    models: Iterable[str] = (),
    templates: Path = TEMPLATES,
    dataset: DatasetDescriptor = FASHION_MNIST,
) -> Words:
    """Returns the words of a language.

    Args:
        lang: a folder of `templates`.
        models: the networks of the study, which give the contrast between networks its name.
        templates: folder of the templates.
        dataset: the data set of the study, which gives the classes their names. Only that of the assignment
            makes the report one of a laboratory work.

    Raises:
        ReportError: there is no such language, or it has names of too many or too few classes.
    """
    path = templates / lang / "words.yaml"
    if not path.is_file():
        raise ReportError(f"there is no report in language {lang!r}")
    kinds = read_yaml(path)
    titles = {str(name): network.title for name, network in NETWORKS.items()}
    first, *others = (titles[name] for name in compared(models))
    about = _about(dataset, templates / lang, kinds["many_classes"])
    work = kinds["work"]["laboratory" if dataset.name == DEFAULT else "study"]
    between = kinds["contrast"]["model"].format(first=first, others=", ".join(others))
    return Words(
        kinds={
            **kinds,
            "model": titles,
            "dataset": about,
            "work": {**work, "name": work["name"].format(dataset=about["short"])},
            "classes": about["classes"],
            "contrast": {**kinds["contrast"], "model": between},
            "contrast_model": titles | kinds["contrast_model"],
        }
    )


def _about(dataset: DatasetDescriptor, folder: Path, many: dict[str, str]) -> dict[str, Any]:
    """Returns what a language says about a data set: datasets/<name>.yaml of its folder, or less without.

    Args:
        dataset: the data set.
        folder: the templates of the language.
        many: words for a number of classes.
    """
    path = folder / "datasets" / f"{dataset.name}.yaml"
    own = read_yaml(path) if path.is_file() else {}
    count = len(dataset.classes)
    about: dict[str, Any] = {
        "title": dataset.title,
        "short": dataset.called,
        "classes": list(dataset.classes),
        "of_classes": many["of"].format(n=count),
        "into_classes": many["into"].format(n=count),
        "groups": [],
        **dict.fromkeys(("image", "zero", "shares", "alike", "published", "place", "plain"), ""),
        **own,
    }
    if len(about["classes"]) != count:
        named = len(about["classes"])
        raise ReportError(f"{path} names {named} classes, but {dataset.name} has {count}")
    return about
