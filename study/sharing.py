"""A machine that has other work too: threads that wait must not keep its processors busy."""

from __future__ import annotations

import os

#: Turns that a thread of GNU OpenMP spins before it sleeps; it would be some hundred thousand. With one
#: other busy process on two cores training was 1.4 to 1.6 times faster so, and as fast as ever with none
#: (docs/adr/0014-waiting-threads.md).
SPINS = "2000"


def sleep_soon() -> None:
    """For this process, before PyTorch is imported, and those it starts; what the user has set stands."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
