"""Kinds of task: one folder each, settings in `__init__.py`, and `labels`, `scores`, `losses`, `answer` beside it."""
