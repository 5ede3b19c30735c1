"""Objectives: one folder each, settings in `__init__.py`, the module that computes it in `loss.py`."""
