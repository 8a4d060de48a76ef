"""A department's own folder: a style sheet and templates that stand before ours (docs/departments.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from study.errors import UsageError

STYLE = "department.css"
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class Department:
    """folder is read and nothing beside it; used holds the files that a report has asked for."""

    folder: Path
    lang: str
    used: set[Path] = field(default_factory=set)

    @property
    def style_path(self) -> Path:
        return self._find(STYLE) or self.folder / STYLE

    def style(self) -> str:
        """The style sheet, empty where there is none."""
        path = self._find(STYLE)
        return "" if path is None else self._text(path)

    def template(self, name: str) -> tuple[str, Path] | None:
        """Text and place of a template; that of the language comes first."""
        path = self._find(name)
        return None if path is None else (self._text(path), path)

    def templates(self) -> list[Path]:
        """Templates for this language, for every language or for both."""
        return sorted(
            path
            for place in (self.folder, self.folder / self.lang)
            for path in place.glob("*.html")
            if path.is_file()
        )

    def unused(self) -> list[Path]:
        """Templates that no report has asked for: their names may be wrong."""
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
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
        self.used.add(path)
        return text


def open_department(folder: Path | None, lang: str) -> Department | None:
    """The folder named by `--templates`; None where none is.

    Raises:
        UsageError: there is no such folder, or nothing in it is for the report.
    """
    if folder is None:
        return None
    if not folder.is_dir():
        raise UsageError(f"--templates {folder}: there is no such folder")
    department = Department(folder=folder, lang=lang)
    if not department.templates() and not department.style_path.is_file():
        raise UsageError(f"--templates {folder}: it holds neither {STYLE} nor templates (*.html)")
    return department
