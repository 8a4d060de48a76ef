"""Checks that what was declared before the first evaluation on test images was not changed afterwards."""

from __future__ import annotations

from study.analysis.registration import digest
from study.analysis.sources import Sources
from study.store.ledger import Ledger
from study.verify.check import Check, broken, holds, unchecked


def registration_holds(ledger: Ledger, sources: Sources) -> Check:
    """Compares preregistration.json with the ledger's copy and with the hash in the environment."""
    stored = ledger.fact("preregistration")
    environment = ledger.fact("environment", {})
    if stored is None or not environment.get("preregistration"):
        return unchecked("preregistration", "the ledger holds none (a study of an older version)")
    registered = str(environment["preregistration"])
    if digest(stored) != registered:
        return broken("preregistration", "the ledger's copy is not the one that was hashed at the start")
    if digest(sources.preregistration) != registered:
        return broken("preregistration", "preregistration.json is not the one that was hashed at the start")
    return holds("preregistration", f"SHA-256 {registered[:16]}…")
