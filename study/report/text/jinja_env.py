"""Renders templates, ours or those that a department puts before them (the only user of Jinja2)."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from types import CodeType, ModuleType
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from study.errors import UsageError
from study.report.text.cross_references import strip_tokens
from study.report.text.department import Department

#: Prefix by which a department's template names the one of ours that it replaces.
OURS = "ours"
#: Attributes of tables and arrays that templates may use; others could write files or run code.
_READS = frozenset(
    {"all", "any", "isna", "item", "max", "mean", "min", "notna", "shape", "size", "sum", "tolist"}
)


class _Sandbox(SandboxedEnvironment):
    """Restricts a department's templates to values; files, modules and code are out of reach."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, (PurePath, ModuleType)):
            return False
        if type(obj).__module__.partition(".")[0] in ("numpy", "pandas"):
            return attr in _READS
        return super().is_safe_attribute(obj, attr, value)


class _Own(jinja2.BaseLoader):
    """Loads templates of a department."""

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


class _Compiled(jinja2.BytecodeCache):
    """Keeps compiled templates in memory: a report renders each several times, in several environments."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self._codes[bucket.key, bucket.checksum] = bucket.code


#: Of templates outside the sandbox, which compiles to other code.
_COMPILED = _Compiled()


def environment(templates: Path, lang: str, department: Department | None = None) -> jinja2.Environment:
    """Creates the Jinja2 environment.

    It takes a template from the department's folder, else from that of the language, else from `templates`.
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
        return jinja2.Environment(loader=ours, bytecode_cache=_COMPILED, **options)
    loader = jinja2.ChoiceLoader([_Own(department), jinja2.PrefixLoader({OURS: ours}), ours])
    return _Sandbox(loader=loader, **options)


def _plain(value: Any) -> Any:
    """Strips tokens from texts, which may come from outside; markup is the templates' own."""
    return strip_tokens(value) if type(value) is str else value


@contextmanager
def blame(department: Department | None) -> Iterator[None]:
    """Turns an error in a department's template into one line; errors in our templates are not changed.

    Raises:
        UsageError: the message has the file, the line and the fault.
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
    """Checks the syntax of a department's templates, and the filters and tests that they use.

    Raises:
        UsageError: the message has the file, the line and the fault.
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
    """Returns file and line of the innermost frame in a department's template, or None."""
    frames = [
        f"{frame.filename}, line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if _within(frame.filename, department)
    ]
    return frames[-1] if frames else None
