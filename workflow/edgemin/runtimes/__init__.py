"""Runtimes, the programs that run models: one folder each, names and files in `__init__.py`, how it opens a model in `run.py`."""
