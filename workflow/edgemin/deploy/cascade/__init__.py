"""Bundles of cascades: several models that answer one after another, in a folder that runs without this project."""
