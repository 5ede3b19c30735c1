"""Bundles: models that run without this project."""
