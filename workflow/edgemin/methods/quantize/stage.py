"""The quantize stage: it calls the scheme of the variant."""

from __future__ import annotations

from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.study.variants import quantize_variant


def quantize(given: QuantizeInputs) -> None:
    """given.spec["variant"]: settings of a quantize variant."""
    quantize_variant(given.spec["variant"]).quantize(given)
