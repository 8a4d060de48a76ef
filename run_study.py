#!/usr/bin/env python3
"""Run the study: ``python run_study.py --budget 2h`` (``--help`` lists flags and verbs)."""

from study.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
