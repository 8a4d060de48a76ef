"""Scripts that keep pages under docs/ in agreement with the code."""
