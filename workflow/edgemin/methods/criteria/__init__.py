"""Pruning criteria: one folder each, what it can rank in `__init__.py`, the scores in `score.py`."""
