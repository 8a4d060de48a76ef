"""The long form of the fault tests: `python -m benchmarks.chaos`."""
