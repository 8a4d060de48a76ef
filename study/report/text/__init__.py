"""Composes the text of the report from templates and values, with numbered references."""
