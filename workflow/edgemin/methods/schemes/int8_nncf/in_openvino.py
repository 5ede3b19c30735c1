"""NNCF reads the float graph and training sentences, one at a time, and writes OpenVINO's own format."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.methods.quantize.graphs import quantizing
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.int8_nncf import Int8Nncf
from edgemin.runtimes.openvino.package import nncf, openvino
from edgemin.runtimes.openvino.run import read

log = logging.getLogger(__name__)
WHOLE = 64
"""OpenVINO stores weights without zeros if both sides of their matrix are multiples of this."""


def quantize_folder(config: Int8Nncf, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx; writes model.xml, model.bin, config.json and the tokenizer.

    Raises EdgeminError where `sparse_from` asks for more zeros than any layer has.
    """
    assert given.tokens is not None
    tokens = Tokens.read(given.tokens, given.parent)
    if config.sentences > len(tokens):
        log.info("sentences: %d requested, %d available: all of them are read", config.sentences, len(tokens))
    chosen = np.random.default_rng(given.spec["seed"]).permutation(len(tokens))[: config.sentences].tolist()
    with quantizing(given, given.tokens, name="model.xml") as target:
        model = quantized(read(given.parent / "model.onnx"), [tokens.batch([index]) for index in chosen])
        if config.sparse:
            check_zeros(model, config.sparse_from)
        openvino().save_model(model, target, compress_to_fp16=False)


def quantized(model: Any, examples: Sequence[Mapping[str, np.ndarray]]) -> Any:
    """A quantized openvino.Model, whose weights keep their names. examples: inputs of one text each, by name."""
    library = nncf()
    names = {name for port in model.inputs for name in port.get_names()}
    chosen = [{name: values for name, values in example.items() if name in names} for example in examples]
    dataset = library.Dataset(chosen)
    floats = {user: constant.get_friendly_name() for constant, user in _read_by(model)}
    with redirect_stdout(StringIO()):  # it draws progress bars
        made = library.quantize(model, dataset, model_type=library.ModelType.TRANSFORMER, subset_size=len(chosen))
    for constant, user in _read_by(made):
        if constant.get_element_type().to_string() == "i8" and user in floats:
            constant.set_friendly_name(floats[user])
    return made


def check_zeros(model: Any, share: float) -> None:
    """Raises EdgeminError if no linear layer of a quantized model has this share of zeros, and a shape that OpenVINO stores without them."""
    layers = {user: constant for constant, user, kind in _readers(model) if kind == "MatMul"}
    zeros = {user: float(np.mean(layer.data == 0)) for user, layer in layers.items() if all(n % WHOLE == 0 for n in layer.shape)}
    enough = sum(found >= share for found in zeros.values())
    log.info("sparse_from %g: %d of %d linear layers have as many zeros", share, enough, len(layers))
    if not enough:
        raise EdgeminError(
            f"sparse_from: no linear layer whose sides are multiples of {WHOLE} has {share:g} of zeros, the most is "
            f"{max(zeros.values(), default=0.0):.2g}; lower it, or prune more weights (structure: weights)"
        )


def _read_by(model: Any) -> Iterator[tuple[Any, str]]:
    """Weight tables, each with the name of the operation that reads it. NNCF rebuilds the tables but keeps that name."""
    yield from ((constant, user) for constant, user, _ in _readers(model))


def _readers(model: Any) -> Iterator[tuple[Any, str, str]]:
    """Weight tables, each with the name of the operation that reads it and what that does."""
    for constant in model.get_ops():
        if constant.get_type_name() == "Constant" and len(constant.shape) == 2:
            node = constant
            while len(readers := list(node.output(0).get_target_inputs())) == 1:
                node = readers[0].get_node()
                if node.get_type_name() in ("MatMul", "Gather"):
                    yield constant, node.get_friendly_name(), node.get_type_name()
                    break
