"""Train with fake quantization, then write static INT8 by the ranges that came out."""

from __future__ import annotations

from edgemin.encoders.blocks import Classifier
from edgemin.methods.quantize import aware
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.schemes.int8_qat import FakeQuantTerm, Int8Qat
from edgemin.methods.schemes.int8_qat.fake_quant import FakeQuant
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import quantize

_FIRST = 64  # training sentences for the first ranges


def quantize_aware(variant: Int8Qat, given: QuantizeInputs) -> None:
    """Writes what `quantize.aware.quantize_aware` does, and raises what it raises."""
    assert given.tokens is not None
    tokens = given.tokens
    static = Int8Static(
        scheme="int8_static",
        backend="onnxruntime",
        per_channel=variant.per_channel,
        embeddings=variant.embeddings,
        skip=variant.skip,
        reduce_range=variant.reduce_range,
    )

    def rounding(model: Classifier) -> FakeQuant:
        few = sentences(tokens, given.parent, _FIRST, given.spec["seed"])
        return FakeQuant(model, variant, input_ranges(model, few, static))

    aware.quantize_aware(
        given,
        variant.learn,
        variant.skip,
        FakeQuantTerm(),
        rounding,
        lambda graph, target, fake: quantize(graph, target, static, fake.ranges()),
    )
