"""Quantization schemes: one folder each, settings in `__init__.py`, a module for each backend beside it."""
