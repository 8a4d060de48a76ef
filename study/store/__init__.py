"""Stores a study: the ledger is authoritative, and the tables are derived from it."""
