"""Persistence: the ledger is the truth, tables are its projection."""
