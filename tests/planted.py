"""Faults planted into a quantized model's graph: wrong numbers, or numbers in the wrong place. Each changes initializers of a model.onnx."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from onnx import numpy_helper

Fault = Callable[["Graph"], None]
LINEAR = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
WIDTH, HEADS = 64, 4


class Graph:
    """The initializers of a quantized graph by what they are."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def read(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self.tensors[name]).copy()

    def write(self, name: str, values: np.ndarray) -> None:
        self.tensors[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))

    def change(self, name: str, by: Callable[[np.ndarray], np.ndarray]) -> None:
        old = self.read(name)
        self.write(name, by(old).astype(old.dtype))

    def exchange(self, one: str, other: str) -> None:
        first, second = self.read(one), self.read(other)
        self.write(one, second)
        self.write(other, first)

    @property
    def ranges(self) -> list[str]:
        """Scales of activations that are fixed ahead, in the graph's order."""
        return [node.input[1] for node in self.model.graph.node if node.op_type == "QuantizeLinear"]

    @property
    def words(self) -> str:
        """Codes of the table of words; their scale is beside them."""
        return next(
            name
            for name in self.tensors
            if name.startswith("bert.embeddings.word_embeddings.weight_") and len(self.tensors[name].dims) == 2
        )

    def scale_of(self, which: str) -> str:
        """Of the table of embeddings of each word, or position."""
        begins = f"bert.embeddings.{which}_embeddings.weight"
        return next(name for name in self.tensors if name.startswith(begins) and name.endswith("_scale"))


def faults(scheme: str) -> Iterator[tuple[str, Fault]]:
    """Name and planted fault."""
    for number in (0, 1):
        for part in LINEAR:
            yield from _of_a_layer(f"bert.encoder.layer.{number}.{part}")
    yield from _of_layers_together()
    yield from _of_embeddings()
    for by in (0.5, 1.0, 1.5, 2.0, 4.0):
        yield (
            f"a class collapsed by {by}",
            _changes("classifier.bias", lambda old, by=by: old - by * (np.arange(len(old)) == len(old) - 1)),
        )
    if scheme == "int8_static":
        yield from _of_ranges()


def _changes(name: str, by: Callable[..., np.ndarray]) -> Fault:
    return lambda graph: graph.change(name, by)


def _of_a_layer(at: str) -> Iterator[tuple[str, Fault]]:
    scale, codes, zero, bias = f"{at}.weight.T_scale", f"{at}.weight.T_quantized", f"{at}.weight.T_zero_point", f"{at}.bias"
    of = f"of {at.removeprefix('bert.encoder.')}"
    yield f"zeroed scales {of}", _changes(scale, np.zeros_like)
    for factor in (0.3, 3.0):
        yield f"scales times {factor} {of}", _changes(scale, lambda old, factor=factor: old * factor)
    yield f"one scale, the largest, for all {of}", _changes(scale, lambda old: np.full_like(old, old.max()))
    yield f"weights saturated at a tenth {of}", _changes(codes, lambda old: np.clip(old, -12, 12))
    yield f"wrong zero points {of}", _changes(zero, lambda old: old + 60)
    yield f"lost bias {of}", _changes(bias, np.zeros_like)
    yield f"neurons in another order {of}", _changes(codes, lambda old: np.roll(old, 1, axis=1))


def _of_layers_together() -> Iterator[tuple[str, Fault]]:
    for part in LINEAR:
        for what in ("weight.T_quantized", "bias"):
            one, other = (f"bert.encoder.layer.{number}.{part}.{what}" for number in (0, 1))
            yield f"{what} of both layers' {part} exchanged", lambda graph, one=one, other=other: graph.exchange(one, other)
    for number in (0, 1):
        at = f"bert.encoder.layer.{number}.attention.output.dense.weight.T_quantized"
        yield f"two heads of layer {number} exchanged", _changes(at, _first_heads_exchanged)


def _first_heads_exchanged(codes: np.ndarray) -> np.ndarray:
    wide = WIDTH // HEADS
    return np.concatenate([codes[wide : 2 * wide], codes[:wide], codes[2 * wide :]])


def _of_embeddings() -> Iterator[tuple[str, Fault]]:
    for share in (1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        yield (
            f"the last {share:.0%} of the words' rows shifted by one",
            lambda graph, share=share: graph.change(graph.words, lambda old: _last_rows_shifted(old, share)),
        )
    for which, factors in (("word", (0.3, 0.5, 0.7, 1.5, 2.0)), ("position", (0.0, 3.0))):
        for factor in factors:
            yield (
                f"scale of the {which}s times {factor}",
                lambda graph, which=which, factor=factor: graph.change(graph.scale_of(which), lambda old: old * factor),
            )


def _last_rows_shifted(old: np.ndarray, share: float) -> np.ndarray:
    """Rows stand in the order in which words were met first: the last ones are of rarer words."""
    kept = len(old) - round(share * len(old))
    return np.concatenate([old[:kept], np.roll(old[kept:], 1, axis=0)])


def _of_ranges() -> Iterator[tuple[str, Fault]]:
    """Of the static scheme: what quantizes and what reads agree, and both are wrong."""
    for number in range(8):
        for factor in (0.02, 0.07, 0.15, 40.0):
            yield (
                f"range {number} times {factor}",
                lambda graph, number=number, factor=factor: graph.change(graph.ranges[number], lambda old: old * factor),
            )
        yield (
            f"zero point of range {number} off by 100",
            lambda graph, number=number: graph.change(
                graph.ranges[number].replace("_scale", "_zero_point"), lambda old: np.clip(old.astype(int) + 100, 0, 255)
            ),
        )
