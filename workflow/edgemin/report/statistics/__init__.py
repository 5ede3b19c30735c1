"""Intervals and tests: what a table may say of a difference."""
