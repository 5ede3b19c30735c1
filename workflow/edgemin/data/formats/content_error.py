"""What is wrong with the content of a file."""

from __future__ import annotations


class ContentError(Exception):
    """In words that need only the file's name before them: what was found; what to do."""
