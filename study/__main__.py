"""``python -m study`` is the same as ``python run_study.py``."""

from study.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
