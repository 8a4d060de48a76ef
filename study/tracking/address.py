"""Checks the address of an MLflow store and keeps its secrets out of messages."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from study.errors import UsageError
from study.store.ledger import LEDGER
from study.store.sqlite_opening import connect_reading, refuses

SQLITE = "sqlite:///"
#: Databases of a study, into which MLflow would write its tables.
_OWN = (LEDGER, "optuna.db")
#: Variables in which MLflow takes what a server asks for.
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def database(uri: str) -> Path | None:
    """Returns the file of an address that `study.flags.mlflow_uri` has parsed; None for a server."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def require_usable(uri: str, results_dir: Path) -> None:
    """Checks that a database file is one of MLflow's or does not exist yet; a server is not asked.

    Raises:
        UsageError: MLflow must not write to the file.
    """
    file = database(uri)
    if file is None:
        return
    if os.path.realpath(file) in (os.path.realpath(results_dir / name) for name in _OWN):
        raise UsageError(f"--mlflow {SQLITE}{file}: the study itself needs this file; name another one")
    if file.is_dir():
        raise UsageError(f"--mlflow {SQLITE}{file}: it is a folder; name a file in it")
    if not file.exists() or file.stat().st_size == 0:
        return
    try:
        with closing(connect_reading(file)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    except sqlite3.DatabaseError as error:
        if refuses(error):  # it is in use, or its file system refuses a call: MLflow will tell
            return
        raise UsageError(f"--mlflow {SQLITE}{file}: it is no database") from error
    if tables and "experiments" not in tables:
        raise UsageError(f"--mlflow {SQLITE}{file}: it is a database of another program")


def shown(uri: str) -> str:
    """Returns an address without user and password."""
    parts = urlsplit(uri)
    if database(uri) is not None or "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def without_secrets(text: str, uri: str) -> str:
    """Returns a message with asterisks in place of the secrets of an address and of MLflow's variables."""
    secrets = {os.environ.get(name, "") for name in _SECRETS}
    if database(uri) is None:
        parts = urlsplit(uri)
        text = text.replace(uri, shown(uri))
        for secret in (parts.netloc.rpartition("@")[0], parts.password or parts.username or ""):
            secrets |= {secret, unquote(secret)}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
