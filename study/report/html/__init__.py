"""Writes the report as one HTML file for the screen."""
