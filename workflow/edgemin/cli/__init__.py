"""Commands that people run on a study file."""
