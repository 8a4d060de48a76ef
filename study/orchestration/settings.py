"""Keeps the settings with which a study was begun; it imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.errors import StoreError, StudyError, UsageError
from study.field_types import Misshapen
from study.spec import StudySpec
from study.store.ledger import Ledger

#: Ledger fact with the settings of the study.
SETTINGS = "study"
#: Length of a SHA-256, of which only the beginning is told.
_DIGEST = 64
#: The flag of each setting that a study keeps.
_FLAGS = {
    "models": "--models",
    "seed": "--seed",
    "resolution": "--resolution",
    "device": "--device",
    "precision": "--precision",
    "fold": "--no-fold",
    "init_checkpoint": "--init-checkpoint",
    "dataset": "--data or --dataset",
}


def settings(ledger: Ledger) -> StudySpec | None:
    """Returns the settings of the study in a ledger, or None if the ledger does not hold them.

    Raises:
        StoreError: they are damaged.
    """
    stored = ledger.fact(SETTINGS)
    if stored is None:
        return None
    try:
        return StudySpec.from_dict(stored)
    except (StudyError, Misshapen) as error:
        raise StoreError(f"{ledger.path} is damaged: its settings: {error}") from error


def require_same(ledger: Ledger, study: StudySpec, folder: Path) -> None:
    """Raises UsageError if the ledger in `folder` belongs to a study with other settings."""
    stored = settings(ledger)
    if stored is not None:
        then, now = stored.to_dict(), study.to_dict()
        told = [
            f"{flag} {_value(then[name])} there, {_value(now[name])} here"
            for name, flag in _FLAGS.items()
            if then[name] != now[name]
        ]
        differ = f" ({'; '.join(told)})" if told else None
    else:  # a ledger from before the settings were stored
        differ = None if ledger.fact("fingerprint") in (None, study.fingerprint) else ""
    if differ is not None:
        raise UsageError(
            f"{folder} holds a study with other settings{differ}; without such a flag it goes on; --fresh "
            "moves it aside and begins anew, and another --results-dir leaves it where it is"
        )


def _value(value: Any) -> str:
    """Returns a setting in words."""
    if isinstance(value, bool):  # whether VGG11's fc6 is folded, of --no-fold
        return "not given" if value else "given"
    if isinstance(value, list):
        return ",".join(value)
    text = str(value)
    return (text[:12] if len(text) == _DIGEST else text) or "none"
