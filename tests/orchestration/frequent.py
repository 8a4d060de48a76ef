"""The command line with a checkpoint every half second, so that runs of seconds leave some when killed."""

from __future__ import annotations

import sys
from functools import partial

from study.cli import main
from study.orchestration import runner

if __name__ == "__main__":
    runner.Bench = partial(runner.Bench, checkpoint_seconds=0.5)  # type: ignore[assignment,misc]
    sys.exit(main())
