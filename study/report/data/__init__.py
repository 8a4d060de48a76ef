"""Provides the values that templates read: results as typed objects, and facts derived from them."""
