"""The phases of a study, one file each; `study.orchestration.runner` puts them in order."""
