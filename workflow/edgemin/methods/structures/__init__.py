"""Structures that can be cut: one folder each, settings in `__init__.py`, the cut beside it. Files are shared by several."""
