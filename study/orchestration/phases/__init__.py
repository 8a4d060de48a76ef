"""The phases of a study, one file each; `study.orchestration.runner` runs them in order."""
