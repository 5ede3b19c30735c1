"""INT8 that answers alike on all processors: weights of seven bits, whose products saturate on none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgemin.compressing.tails import QUANTIZE
from edgemin.core.files import read_json
from edgemin.study.variants import quantize_variant


def seven_bits(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A quantize variant with `reduce_range`, where its scheme has that key and takes it with these settings; else as it is."""
    reduced = {**settings, "reduce_range": True}
    try:
        quantize_variant(reduced)
    except ValidationError:
        return dict(settings)
    return reduced


def forms(any_cpu: bool) -> dict[str, dict[str, Any]]:
    """The quantize variants of a space; any_cpu: of seven bits, where they take them."""
    return {name: seven_bits(one) if any_cpu else dict(one) for name, one in QUANTIZE.items()}


def note(bundle: Path) -> str:
    """A line on a bundle whose integer products saturate on some processors; empty of others, and where there is no bundle."""
    file = bundle / "bundle.json"
    if not file.is_file() or not read_json(file).get("saturates"):
        return ""
    return (
        "Its INT8 weights have 8 bits: on x86 CPUs without VNNI (Intel before Cascade Lake, AMD before Zen 4) answers may differ. "
        "With --any-cpu they have 7, and saturate on none."
    )
