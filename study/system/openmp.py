"""Configures OpenMP so that waiting threads do not keep the processors busy."""

from __future__ import annotations

import os

#: Number of times that a waiting thread of GNU OpenMP spins before it sleeps; the default is some hundred
#: thousand. With one other busy process on two cores, training becomes 1.4 to 1.6 times faster; on an idle
#: machine its speed does not change (docs/adr/0014-waiting-threads.md).
SPINS = "2000"


def sleep_soon() -> None:
    """Sets the spin count for this process and its children, unless the user has set it.

    It must run before PyTorch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
