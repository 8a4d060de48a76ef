"""Computes arrays for the report's figures, because the report itself does not use torch."""
