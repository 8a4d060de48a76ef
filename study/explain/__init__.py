"""Arrays behind the report's pictures, computed while torch is at hand."""
