"""The short words and the numbers of a language."""
