"""Writes the report as an editable Word file (the only user of python-docx)."""
