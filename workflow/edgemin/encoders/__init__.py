"""Checkpoints: the table of architecture families, their structure, loading and saving."""
