"""Runs a study: set-up, pre-training, plan, matrix, tuning, final runs, report."""
