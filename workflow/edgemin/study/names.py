"""How classes are called: names in a study and labels in a file are read by one rule before they are compared."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

_WHOLE = re.compile(r"(-?[0-9]+)\.0+")


def spelt(name: str) -> str:
    """What two ways to write a class share: Unicode's NFC, single spaces, whole numbers without `.0`.

    `1`, `1.0` and ` 1 ` are one class; so are `-0.0` and `0`. Case counts, and so do leading zeros.
    """
    text = " ".join(unicodedata.normalize("NFC", name).split())
    whole = _WHOLE.fullmatch(text)
    text = whole[1] if whole else text
    return "0" if text == "-0" else text


def written(value: Any) -> Any:
    """Numbers become text, whole ones without `.0`. Anything else is unchanged. Raises ValueError for a number that is not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return str(int(value)) if value == int(value) else str(value)
