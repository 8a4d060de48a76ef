"""Runs the long form of the fault tests: `python -m benchmarks.chaos`."""
