"""Train with rounded weights, then pack them by the scales that came out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier
from edgemin.methods.quantize import aware
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import embedding_tables, linear_layers, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.schemes.few_bits.groups import encode
from edgemin.methods.schemes.few_bits_qat import LearnedScalesTerm
from edgemin.methods.schemes.few_bits_qat.learned import LearnedScales
from edgemin.methods.schemes.int8_packed.in_onnxruntime import largest_of, quantize
from edgemin.methods.schemes.int8_packed.rounding import pack
from edgemin.methods.schemes.int8_packed_qat import Int8PackedQat
from edgemin.study.family import family_of


class _Trained(LearnedScales):
    """The rounding, which keeps its student."""

    def __init__(self, student: Classifier, variant: Int8PackedQat) -> None:
        super().__init__(student, variant.rounding(_heads(student)))
        self.student = [student]  # in a list, so that its parameters are not this term's


def quantize_aware(variant: Int8PackedQat, given: QuantizeInputs) -> None:
    """Writes what `quantize.aware.quantize_aware` does, and raises what it raises."""
    assert given.tokens is not None
    tokens, packed = given.tokens, variant.packed

    def write(graph: Path, target: Path, trained: _Trained) -> None:
        floats, (student,) = read_graph(graph), trained.student
        left, scales = skipped(floats, packed.skip), trained.scales()
        rounded, weights = {}, {}
        for layer in linear_layers(floats):
            if layer.node.name not in left:
                values = encode(layer.values.T, packed.group, *scales[layer.module], packed.bits).values()
                weights[layer.module] = pack(
                    values, None, packed.bits, packed.group, largest_of(packed), scales=scales[layer.module][0]
                )
                rounded[layer.module] = weights[layer.module].values()
        for table in embedding_tables(floats):
            if table.module in scales:
                width = table.values.shape[1] // scales[table.module][0].shape[1]
                rounded[table.module] = encode(table.values, width, *scales[table.module], packed.embeddings).values()
        with torch.no_grad():
            for module, values in rounded.items():
                student.get_parameter(f"{module}.weight").copy_(torch.from_numpy(values))
        batches = sentences(tokens, given.parent, packed.sentences, given.spec["seed"])
        ranges = input_ranges(student, batches, packed.compact.layers.linear)
        quantize(floats, target, packed, ranges, weights, scales)

    aware.quantize_aware(
        given, variant.learn, variant.skip, LearnedScalesTerm(), lambda student: _Trained(student, variant), write
    )


def _heads(student: Classifier) -> list[str]:
    """Linear layers that read one token of a text: those outside of the encoder, and its pooler."""
    inside = f"{family_of(student.config).base}."
    linear = [name for name, module in student.named_modules() if isinstance(module, nn.Linear)]
    return [name for name in linear if not name.startswith(inside) or ".pooler." in name]
