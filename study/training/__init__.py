"""Trains and evaluates one run: device, parameter groups, feature cache, loop, evaluation."""
