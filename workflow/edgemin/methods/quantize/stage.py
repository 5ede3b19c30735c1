"""The quantize stage: the scheme of the variant does it."""

from __future__ import annotations

from edgemin.methods.quantize.given import Given
from edgemin.study.variants import quantize_variant


def quantize(given: Given) -> None:
    """given.spec["variant"]: of a quantize variant."""
    quantize_variant(given.spec["variant"]).quantize(given)
