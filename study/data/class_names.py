"""Reads the names of classes from classes.yaml, as text and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from study.errors import DataError, one_line

#: The file's names; it stands beside the class folders or the file of the set.
FILES = ("classes.yaml", "classes.yml")
MOST_BYTES = 256 * 1024
_FORM = "lines of the form `folder or label: name`, or of the form `- name` in the order of the labels"


def read_class_names(content: bytes) -> dict[str, str]:
    """Returns the names by folder or label.

    Args:
        content: of the file; at most `MOST_BYTES` + 1 bytes of it.

    Raises:
        DataError: the file is too large, not UTF-8 or not YAML, has another form, or says a thing twice.
    """
    name = FILES[0]
    if len(content) > MOST_BYTES:
        raise DataError(f"{name} is larger than {MOST_BYTES // 1024} KB")
    try:
        # BaseLoader leaves every scalar text, and nothing is constructed, so that no tag has an effect.
        root = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DataError(f"{name}{line}: {error.problem or 'not valid YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"{name}: not valid YAML in UTF-8") from error
    if isinstance(root, yaml.SequenceNode):
        pairs = [(str(place), node) for place, node in enumerate(root.value)]
    elif isinstance(root, yaml.MappingNode):
        pairs = [(key.value, node) for key, node in root.value if isinstance(key, yaml.ScalarNode)]
        if len(pairs) != len(root.value):
            raise DataError(f"{name} must hold {_FORM}")
    else:
        raise DataError(f"{name} must hold {_FORM}")
    names: dict[str, str] = {}
    for key, node in pairs:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise DataError(f"{name} must hold {_FORM}; {key[:40]!r} has no name")
        if key in names:
            raise DataError(f"{name} names {key[:40]!r} twice")
        names[key] = node.value.strip()
    return names


def named_classes(keys: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the names of classes; one without a name keeps its key.

    Args:
        keys: folders or labels of the classes.
        names: see `read_class_names`.

    Raises:
        DataError: two classes get one name.
    """
    found = tuple(one_line(names.get(key, key)) for key in keys)
    twice = next((name for place, name in enumerate(found) if name in found[:place]), None)
    if twice is not None:
        raise DataError(f"{FILES[0]}: two classes are called {twice[:60]!r}")
    return found
