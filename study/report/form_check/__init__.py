"""Checks a finished PDF against the rules of form of ГОСТ 7.32, one file for each group of rules."""
