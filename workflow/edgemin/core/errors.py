"""The one exception that a user is meant to read."""

from __future__ import annotations


class EdgeminError(Exception):
    """A mistake in a study, a data set or a checkpoint, reported in one line.

    The message names the file or key, what was found, what was expected and the next step.
    Adapters print it without a traceback; anything else that is raised is a bug of ours.
    """


def first_line(error: Exception) -> str:
    """The first line of another library's exception, for a one-line message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
