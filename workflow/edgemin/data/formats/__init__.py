"""Bytes of files -> tables, one module for each kind of format."""
