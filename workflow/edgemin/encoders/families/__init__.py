"""Architecture families: one folder each, names in `__init__.py`, what its modules do differently in `blocks.py`."""
