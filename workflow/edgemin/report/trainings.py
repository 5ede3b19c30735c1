"""What the history of a training says of how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def phases_of(history: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All phases with their `updates` and `seconds`, that in which masks were learned first."""
    learning = [history["masks"]["learning"]] if "masks" in history else []
    return [*learning, *history["phases"]]
