"""Training one run: device, parameter groups, feature cache, loop, evaluation."""
