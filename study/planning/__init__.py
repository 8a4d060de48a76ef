"""Measures the machine and fits a study into its budget."""
