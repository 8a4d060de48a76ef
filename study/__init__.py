"""Compares ways of transfer learning on FashionMNIST within a time budget, and writes a report."""

__version__ = "0.1.0"
