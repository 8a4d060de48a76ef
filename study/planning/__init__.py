"""Measuring the machine and fitting a study into the budget."""
