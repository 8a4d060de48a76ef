"""Provides the short words and the number format of a language."""
