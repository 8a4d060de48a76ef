"""Measures which rates, batches, schedules and augmentation suit short trainings."""
