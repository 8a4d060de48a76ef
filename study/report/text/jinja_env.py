"""Templates → text, ours or with a department's folder before them (the only user of Jinja2)."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from study.errors import UsageError
from study.report.text.cross_references import strip_tokens
from study.report.text.department import Department

#: Prefix by which a department's template names the one of ours that it replaces.
OURS = "ours"
#: What templates may do with tables and arrays; the rest could write files or run code.
_READS = frozenset(
    {"all", "any", "isna", "item", "max", "mean", "min", "notna", "shape", "size", "sum", "tolist"}
)


class _Sandbox(SandboxedEnvironment):
    """A department's templates reach values, not files, modules or code."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, (PurePath, ModuleType)):
            return False
        if type(obj).__module__.partition(".")[0] in ("numpy", "pandas"):
            return attr in _READS
        return super().is_safe_attribute(obj, attr, value)


class _Own(jinja2.BaseLoader):
    """Templates of a department."""

    def __init__(self, department: Department) -> None:
        self._department = department

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        found = self._department.template(template)
        if found is None:
            raise jinja2.TemplateNotFound(template)
        text, path = found
        return text, str(path), None


def environment(templates: Path, lang: str, department: Department | None = None) -> jinja2.Environment:
    """Templates of a language, then those of every language; a department's before both.

    A department's `title.html` may begin with `{% extends "ours/title.html" %}`.
    """
    ours = jinja2.FileSystemLoader([templates / lang, templates])
    options: dict[str, Any] = {
        "autoescape": True,
        "undefined": jinja2.StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "finalize": _plain,
    }
    if department is None:
        return jinja2.Environment(loader=ours, **options)
    loader = jinja2.ChoiceLoader([_Own(department), jinja2.PrefixLoader({OURS: ours}), ours])
    return _Sandbox(loader=loader, **options)


def _plain(value: Any) -> Any:
    """Texts of results are from outside; marked-up ones are the templates' own."""
    return strip_tokens(value) if type(value) is str else value


@contextmanager
def blame(department: Department | None) -> Iterator[None]:
    """Turns an error of a department's template into one line.

    Raises:
        UsageError: file, line and what is wrong there; errors of our own templates pass.
    """
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        if department is None or not _within(error.filename, department):
            raise
        raise UsageError(f"{error.filename}, line {error.lineno}: {error.message}") from error
    except UsageError:
        raise
    except Exception as error:
        place = None if department is None else _place(error, department)
        if place is None:
            raise
        lines = str(error).splitlines() or [type(error).__name__]
        missing = isinstance(error, jinja2.TemplateNotFound)
        what = f"there is no template {error.name}" if missing else lines[0]  # type: ignore[attr-defined]
        raise UsageError(f"{place}: {what}") from error


def check_templates(
    department: Department, templates: Path, filters: dict[str, Any], tests: dict[str, Any]
) -> None:
    """Syntax of all of a department's templates, with the filters and tests that they may use.

    Raises:
        UsageError: file, line and what is wrong there.
    """
    own = environment(templates, department.lang, department)
    own.filters |= filters
    own.tests |= tests
    for path in department.templates():
        found = department.template(path.name)
        if found is not None and found[1] == path:
            with blame(department):
                own.compile(found[0], name=path.name, filename=str(path))
    department.used.clear()


def _within(name: str | None, department: Department) -> bool:
    return name is not None and Path(name).is_relative_to(department.folder)


def _place(error: Exception, department: Department) -> str | None:
    """File and line of the last frame of a department's template."""
    frames = [
        f"{frame.filename}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if _within(frame.filename, department)
    ]
    return frames[-1] if frames else None
