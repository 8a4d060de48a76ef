"""Checks handed-in studies for a teacher: whether every number follows from the one before it.

The chain is: runs in the ledger → tables → contrasts, predictions → accuracies, all of these → the report.
A study is valid only if every link was checked and holds. `--rerun` also judges the stored champion again.
"""
