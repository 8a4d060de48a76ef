"""Shows a study in other programs, MLflow and TensorBoard, by following its ledger.

A follower only reads the ledger and never writes to it, so what fails here cannot touch the study. It runs
in a process of its own beside a study, or later as the verb `track`.
"""
