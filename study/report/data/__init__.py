"""Values that the templates read: results as typed objects, and facts derived from them."""
