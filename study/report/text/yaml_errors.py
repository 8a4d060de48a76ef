"""Says in words what is wrong with a YAML file and in which line; the parser's own words are a jargon."""

from __future__ import annotations

import yaml
from yaml.error import Mark
from yaml.reader import ReaderError

_QUOTE = "put the text in quotes"
#: Parts of the parser's words, and what they mean for somebody who writes `field: text`.
_WORDS = (
    ("mapping values are not allowed", f"a second colon ({_QUOTE}), or no colon in the line before"),
    ("could not find expected ':'", "no colon with a space after the name of the field"),
    ("found unexpected end of stream", "a quotation mark that is not closed"),
    ("found unexpected document separator", "a quotation mark that is not closed"),
    ("double-quoted scalar", "a backslash in double quotes; use single quotes"),
    ("found character '\\t'", "a tab where spaces belong"),
    ("that cannot start any token", f"a text that begins with a sign of YAML; {_QUOTE}"),
    ("alias", f"a text that begins with *; {_QUOTE}"),
    ("anchor", f"a text that begins with &; {_QUOTE}"),
    ("tag", f"a text that begins with !; {_QUOTE}"),
    ("a block scalar", f"a text that begins with | or >; {_QUOTE}"),
    ("a directive", f"a line that begins with %; {_QUOTE}"),
    ("but found '<scalar>'", "text after a closing quotation mark; one may be missing in a line before"),
    ("expected <block end>", "a line that is indented otherwise than the first one"),
    ("while parsing a flow", f"a bracket that is not closed; {_QUOTE}"),
    ("expected a single document", "a second document; `---` may stand in the first line only"),
    ("special characters are not allowed", "a control character"),
)
#: Parts of a context that begins where the fault is, while the parser notices it much later.
_BEGINS = ("quoted scalar", "simple key", "flow")


def explain(error: Exception, text: str) -> str:
    """Returns line and fault as ``, line 3: …``, for what the YAML parser has raised for a text."""
    line, told = 0, ""
    if isinstance(error, ReaderError):
        line, told = text.count("\n", 0, error.position) + 1, str(error.reason)
    elif isinstance(error, yaml.MarkedYAMLError):
        told = f"{error.context or ''} {error.problem or ''}"
        mark = _place(error)
        line = mark.line + 1 if mark is not None else 0
    fault = next((words for part, words in _WORDS if part in told), "not valid YAML")
    return f"{f', line {line}' if line else ''}: {fault}"


def _place(error: yaml.MarkedYAMLError) -> Mark | None:
    if any(part in (error.context or "") for part in _BEGINS) and error.context_mark is not None:
        return error.context_mark
    return error.problem_mark or error.context_mark
