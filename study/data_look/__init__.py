"""Looks at a set of images before training: counts, sizes, duplicates, leaks, balance."""
