"""Commands that people run on a study file."""

DEFAULT = "config/config.yaml"
"""The study that is meant where none is named."""
