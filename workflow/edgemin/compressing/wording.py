"""What readers of data say to whoever writes a study, in the words of the command: its options in place of keys."""

from __future__ import annotations

import re

OPTIONS = (
    (r"write `(separator|quoting|encoding): ([^`]+)` beside (?:it|the file)(?: in the study)?", r"give --\1 \2"),
    (r"`(separator|quoting|encoding): ([^`]+)`", r"--\1 \2"),
    (r"say `(separator)` in the study", r"give --\1"),
    (r"correct `(encoding)`(?: in the study)?", r"correct --\1"),
    (r"correct the path in the study", "correct --data"),
    (r"name another one in the study", "name another one with --text"),
    (r"correct label_names in the study|drop it from label_names", "correct --labels"),
    (r"ask for (?:at least|at most) \d+ rows(?:, or give more data)?|ask for (?:fewer|another size)", "give more rows"),
)
"""Pattern -> what takes its place."""


def of_the_command(message: str) -> str:
    """The message with remedies that the command has."""
    for pattern, words in OPTIONS:
        message = re.sub(pattern, words, message)
    return message
