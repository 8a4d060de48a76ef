"""Reads the title page's fields from a small YAML file, as text and nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path

import yaml

from study.errors import UsageError
from study.report.locale.messages import TEMPLATES
from study.report.text.cross_references import strip_tokens
from study.report.text.encodings import decode
from study.report.text.yaml_errors import explain

MAX_BYTES = 64 * 1024
MAX_LENGTH = 200
#: Unicode categories of control characters, surrogates, and separators of lines and paragraphs.
_NOT_IN_A_LINE = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True, kw_only=True)
class TitlePage:
    """Fields of the title page; an empty field becomes a line to write on.

    An empty `lab_title` becomes the assignment's title in the language of the report. `abstract` is `true`
    or `false`: whether an abstract follows the title page.

    Raises:
        UsageError: a field is not one line of text, or is too long.
    """

    ministry: str = ""
    university: str = ""
    faculty: str = ""
    department: str = ""
    discipline: str = ""
    lab_number: str = "4"
    lab_title: str = ""
    student: str = ""
    group: str = ""
    teacher: str = ""
    teacher_position: str = ""
    city: str = ""
    year: str = ""
    abstract: str = ""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, str):
                raise UsageError(f"title page: {name} must be a line of text")
            if len(value) > MAX_LENGTH:
                raise UsageError(
                    f"title page: {name} has {len(value)} characters, at most {MAX_LENGTH} fit"
                )
            if any(unicodedata.category(character) in _NOT_IN_A_LINE for character in value):
                raise UsageError(f"title page: {name} holds a line break or a control character")
        if self.abstract.lower() not in ("", "true", "false"):
            raise UsageError(f"title page: abstract must be true or false, not {self.abstract!r}")

    @property
    def has_abstract(self) -> bool:
        return self.abstract.lower() == "true"


def default_title_page() -> TitlePage:
    """Returns a title page with what follows from assignment and calendar: number and year."""
    return TitlePage(year=str(date.today().year))


def read_title_page(path: Path | None, tell: Callable[[str], None] = lambda line: None) -> TitlePage:
    """Reads a title page from a YAML file; without a file it is the default one.

    Args:
        path: the file.
        tell: is told the encoding of a file that is not UTF-8, from which letters may have been misread.

    Raises:
        UsageError: the file cannot be read, does not map known fields to lines of text, or is too long.
    """
    if path is None:
        return default_title_page()
    name = f"title page {path.name}"
    try:
        if not path.is_file() and path.exists():  # reading a named pipe would block forever
            raise UsageError(f"{name} is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{name} is larger than {MAX_BYTES // 1024} KB")
    text, encoding = decode(content, name)
    if encoding != "UTF-8":
        tell(f"{name} is read as {encoding}; saved as UTF-8 it cannot be misread")
    given = _fields(text, name)
    page = TitlePage(**{**asdict(default_title_page()), **given})
    return replace(page, **{field: strip_tokens(value) for field, value in given.items()})


def _fields(text: str, name: str) -> dict[str, str]:
    """Returns the fields of a YAML text that are not empty, with their line in every complaint."""
    try:
        # BaseLoader leaves every scalar text. Nothing is constructed, so that no tag has an effect.
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{name}{explain(error, text)}") from error
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(f"{name} must hold lines of the form `field: text`")
    known = {field.name for field in fields(TitlePage)}
    found: dict[str, str] = {}
    for key, value in root.value:
        where = f"{name}, line {key.start_mark.line + 1}"
        field = key.value if isinstance(key, yaml.ScalarNode) else ""
        if field not in known:
            raise UsageError(f"{where}: field {field[:40]!r} is unknown; {_near(field, known)}")
        if field in found:
            raise UsageError(f"{where}: {field} stands there a second time")
        if not isinstance(value, yaml.ScalarNode):
            raise UsageError(f"{where}: {field} must be a line of text")
        found[field] = value.value.strip()
    return {field: value for field, value in found.items() if value}


def _near(name: str, known: set[str]) -> str:
    """Suggests the field that was probably meant, or lists all fields if none is similar."""
    near = get_close_matches(name.strip().lower().replace("-", "_"), sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"


def empty_fields(page: TitlePage) -> tuple[str, ...]:
    """Returns the fields that will be printed as a line to write on."""
    return tuple(
        name for name, value in asdict(page).items() if not value and name not in ("lab_title", "abstract")
    )


def write_example(path: Path) -> None:
    """Writes a commented title page to fill in.

    Raises:
        UsageError: the file exists already, or cannot be written.
    """
    example = (TEMPLATES / "title_page.example.yaml").read_bytes()
    try:
        with path.open("xb") as stream:
            stream.write(example)
    except FileExistsError:
        raise UsageError(f"{path} is there already; it is not written over") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
