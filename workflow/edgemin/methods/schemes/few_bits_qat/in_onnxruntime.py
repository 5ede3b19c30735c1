"""Train with rounded weights, then write them by the scales that came out."""

from __future__ import annotations

from edgemin.methods.quantize import aware
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.few_bits.in_onnxruntime import quantize
from edgemin.methods.schemes.few_bits_qat import FewBitsQat, LearnedScalesTerm
from edgemin.methods.schemes.few_bits_qat.learned import LearnedScales


def quantize_aware(variant: FewBitsQat, given: QuantizeInputs) -> None:
    """Writes what `quantize.aware.quantize_aware` does, and raises what it raises."""
    aware.quantize_aware(
        given,
        variant.learn,
        variant.skip,
        LearnedScalesTerm(),
        lambda model: LearnedScales(model, variant),
        lambda graph, target, learned: quantize(graph, target, variant.rounding, learned.scales()),
    )
