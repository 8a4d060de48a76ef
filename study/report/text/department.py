"""Reads a department's folder: a style sheet and templates that replace ours (docs/departments.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from study.errors import UsageError
from study.report.text.encodings import decode

STYLE = "department.css"
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Department:
    """A department's folder.

    Attributes:
        folder: the folder; no file outside of it is read.
        lang: language of the report.
        used: files that were read for a report.
    """

    folder: Path
    lang: str
    used: set[Path] = field(default_factory=set)

    @property
    def style_path(self) -> Path:
        return self._find(STYLE) or self.folder / STYLE

    def style(self) -> str:
        """Returns the style sheet, or "" if there is none."""
        path = self._find(STYLE)
        return "" if path is None else self._text(path)

    def template(self, name: str) -> tuple[str, Path] | None:
        """Returns text and path of a template, or None; the folder of the language comes first.

        Raises:
            UsageError: the file is outside of the folder, too large, or unreadable.
        """
        path = self._find(name)
        return None if path is None else (self._text(path), path)

    def templates(self) -> list[Path]:
        """Returns the templates for all languages and for this language."""
        return sorted(
            path
            for place in (self.folder, self.folder / self.lang)
            for path in place.glob("*.html")
            if path.is_file()
        )

    def unused(self) -> list[Path]:
        """Returns the templates that no report has used; their names may be wrong."""
        return [path for path in self.templates() if path not in self.used]

    def _find(self, name: str) -> Path | None:
        parts = PurePosixPath(name).parts
        if ".." in parts or name.startswith("/") or "\\" in name:
            return None
        places = (self.folder / self.lang / name, self.folder / name)
        return next((path for path in places if path.is_file()), None)

    def _text(self, path: Path) -> str:
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise UsageError(f"{path} leads out of the folder {self.folder}")
        try:
            if path.stat().st_size > MAX_BYTES:
                raise UsageError(f"{path} is larger than {MAX_BYTES // 1024} KB")
            text = decode(path.read_bytes(), str(path)).text
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
        self.used.add(path)
        return text


def open_department(folder: Path | None, lang: str) -> Department | None:
    """Opens the folder that `--templates` names; returns None without one.

    Raises:
        UsageError: the folder does not exist, or contains nothing for the report.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise UsageError(f"--templates {folder}: there is no such folder")
    department = Department(folder=folder, lang=lang)
    if not department.templates() and not department.style_path.is_file():
        raise UsageError(f"--templates {folder}: it holds neither {STYLE} nor templates (*.html)")
    return department
