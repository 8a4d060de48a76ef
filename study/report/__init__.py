"""Builds the report from results/; no module of this package imports torch."""
