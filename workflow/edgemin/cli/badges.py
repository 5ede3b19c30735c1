"""The badges at the head of the README: pictures of our own, so that reading it asks no other server."""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

FOLDER = "docs/images"
_LETTER, _SPACE, _HEIGHT = 6.3, 12, 20
"""Width of a letter, free width of a half, height of a badge, in px."""


def badges(tree: Path, studies: int) -> dict[str, str]:
    """File below the tree -> what it should hold. studies: how many are on record."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = {
        "version": project["version"],
        "python": project["requires-python"].replace(">=", "≥ "),
        "licence": project["license"],
        "record": f"{studies} studies",
    }
    return {f"{FOLDER}/badge-{label}.svg": svg(label, text) for label, text in texts.items()}


def svg(label: str, text: str) -> str:
    """One badge: the label on grey, the text on blue; white on both has a contrast of 4.5 or more (WCAG AA)."""
    left, right = (len(one) * _LETTER + _SPACE for one in (label, text))
    width = left + right
    halves = "".join(
        f'<rect x="{start:.1f}" width="{size:.1f}" height="{_HEIGHT}" fill="{fill}"/>'
        f'<text x="{start + size / 2:.1f}" y="14" textLength="{size - _SPACE:.1f}">{escape(one)}</text>'
        for start, size, fill, one in ((0.0, left, "#555", label), (left, right, "#0a5ca8", text))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.1f}" height="{_HEIGHT}" role="img" aria-label="{escape(label)}: {escape(text)}">'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana, DejaVu Sans, sans-serif" font-size="11">{halves}</g></svg>\n'
    )
