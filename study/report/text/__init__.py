"""From templates and values to the text of the report with numbered figures, tables and references."""
