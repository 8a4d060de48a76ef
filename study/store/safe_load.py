"""Reads untrusted files of results/: they must be regular files of limited size and expected structure."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.errors import StoreError
from study.field_types import Misshapen, convert
from study.store.arrays import check_arrays
from study.store.documents import Documents

#: Maximum size of a text file in bytes.
LARGEST_TEXT = 64 * 1024 * 1024
#: Maximum bytes of all uncompressed arrays of a file; predictions of about five thousand final runs fit.
LARGEST_ARRAYS = 1 << 30
Arrays = dict[str, npt.NDArray[Any]]


def read_text(path: Path) -> str:
    """Returns the text of a UTF-8 file without its byte order mark.

    Raises:
        StoreError: the file is not regular, too large, or not UTF-8.
    """
    _require_file(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_TEXT + 1)
        if len(content) > LARGEST_TEXT:
            raise StoreError(f"{path.name} is larger than {LARGEST_TEXT >> 20} MB")
        return content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path.name} cannot be read: {error}") from error


def read_object(path: Path) -> dict[str, Any]:
    """Returns the JSON object of a file, or {} if the file does not exist.

    Raises:
        StoreError: the file is not a JSON object, or lacks the structure declared for its name.
    """
    if not os.path.lexists(path):
        return {}
    text = read_text(path)
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise Misshapen("it must hold a JSON object")
        convert({path.stem: value}, Documents)
    except Misshapen as error:
        raise StoreError(f"{path.name} is damaged: {error}") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path.name} is not valid JSON: {str(error)[:200]}") from error
    return value


def read_arrays(path: Path, classes: int) -> Arrays:
    """Returns the arrays of an .npz file by name, or {} if the file does not exist. It unpickles nothing.

    Args:
        path: the file.
        classes: number of classes of the data set.

    Raises:
        StoreError: the file is not a valid .npz file, is too large, or its arrays do not fit its name.
    """
    if not os.path.lexists(path):
        return {}
    _require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > LARGEST_ARRAYS:
            raise Misshapen(f"its arrays take more than {LARGEST_ARRAYS >> 20} MB")
        with np.load(path, allow_pickle=False) as stored:
            found = {key: np.asarray(stored[key]) for key in stored.files}
        check_arrays(path.stem, found, classes)
    except Misshapen as error:
        raise StoreError(f"{path.name} is damaged: {error}") from error
    except Exception as error:  # numpy and zipfile raise a dozen types of errors for a damaged file
        raise StoreError(f"{path.name} cannot be read as arrays: {str(error)[:200]}") from error
    return found


def _require_file(path: Path) -> None:
    """Refuses what is not a regular file; reading a named pipe would block forever."""
    if not os.path.isfile(path):
        raise StoreError(f"{path.name} is not a regular file")
