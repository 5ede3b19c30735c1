"""Train with rounded weights, then pack them by the scales that came out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier
from edgemin.methods.quantize import aware
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import linear_layers, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.schemes.few_bits_qat import LearnedScalesTerm
from edgemin.methods.schemes.few_bits_qat.learned import LearnedScales
from edgemin.methods.schemes.int8_packed.in_onnxruntime import largest_of, quantize
from edgemin.methods.schemes.int8_packed.rounding import pack
from edgemin.methods.schemes.int8_packed_qat import Int8PackedQat
from edgemin.study.family import family_of


class _Trained(LearnedScales):
    """The rounding of a student, which can be asked for."""

    def __init__(self, student: Classifier, variant: Int8PackedQat) -> None:
        super().__init__(student, variant.rounding(_heads(student)))
        self.student = [student]  # in a list, so that its parameters are not this term's


def quantize_aware(variant: Int8PackedQat, given: QuantizeInputs) -> None:
    """Writes what `quantize.aware.quantize_aware` does, and raises what it raises."""
    assert given.tokens is not None
    tokens, packed = given.tokens, variant.packed

    def write(graph: Path, target: Path, trained: _Trained) -> None:
        floats, (student,) = read_graph(graph), trained.student
        left, learned = skipped(floats, packed.skip), trained.scales()
        weights = {}
        for layer in linear_layers(floats):
            if layer.node.name not in left:
                scales, _ = learned.get(layer.module, (None, None))
                weights[layer.module] = pack(layer.values.T, None, packed.bits, packed.group, largest_of(packed), scales=scales)
        with torch.no_grad():
            for module, one in weights.items():
                student.get_parameter(f"{module}.weight").copy_(torch.from_numpy(one.values()))
        batches = sentences(tokens, given.parent, packed.sentences, given.spec["seed"])
        quantize(floats, target, packed, input_ranges(student, batches, packed.compact.layers.linear), weights)

    aware.quantize_aware(
        given, variant.learn, variant.skip, LearnedScalesTerm(), lambda student: _Trained(student, variant), write
    )


def _heads(student: Classifier) -> list[str]:
    """Linear layers outside of the encoder's."""
    family = family_of(student.config)
    linear = [name for name, module in student.named_modules() if isinstance(module, nn.Linear)]
    return [name for name in linear if family.part_of(name) == "head"]
