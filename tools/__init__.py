"""Keeps pages under docs/ in agreement with the code."""
