"""Comparative study of transfer learning on FashionMNIST: arms, budget, evidence, report."""

__version__ = "0.1.0"
