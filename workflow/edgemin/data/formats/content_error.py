"""Errors in the content of a file."""

from __future__ import annotations


class ContentError(Exception):
    """A problem in a file's content. The message lacks only the file's name: what was found; what to do."""
