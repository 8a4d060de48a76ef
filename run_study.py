#!/usr/bin/env python3
"""Run the study: ``python run_study.py --budget 2h`` (``--help`` lists the verbs)."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

#: Where `make study` installs the requirements.
OWN = Path(__file__).resolve().parent / ".venv"
#: Without one of these not even the flags can be read.
NEEDED = ("torch", "numpy", "pandas", "yaml", "msgspec")


def _require_python() -> None:
    """Continues with the Python of `.venv` if this one lacks the requirements; else says what it lacks."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    python = OWN / "bin" / "python"
    if sys.platform == "win32":
        told = "Windows is not supported; use WSL (Windows Subsystem for Linux)"
    elif sys.version_info < (3, 10):  # noqa: UP036 - an older one may be called
        told = f"Python 3.10 or newer is needed, and this is {sys.version.split()[0]}"
    elif not missing:
        return
    elif python.exists() and Path(sys.prefix).resolve() != OWN.resolve():
        os.execv(python, [str(python), *sys.argv])
    else:
        told = (
            f"{sys.executable} lacks {', '.join(missing)}; run `make study` once, "
            "or `pip install -r requirements.txt`"
        )
    print(f"error: {told}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    _require_python()
    from study.cli import main

    raise SystemExit(main())
