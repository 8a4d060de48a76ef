"""Decides where the pages of the printed report break."""
