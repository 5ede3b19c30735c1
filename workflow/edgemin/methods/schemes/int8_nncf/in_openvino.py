"""NNCF reads the float graph and training sentences, one at a time, and writes OpenVINO's own format."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np

from edgemin.data.tokens import Tokens
from edgemin.methods.quantize.graphs import quantizing
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.int8_nncf import Int8Nncf
from edgemin.runtimes.openvino.package import nncf, openvino
from edgemin.runtimes.openvino.run import read

log = logging.getLogger(__name__)


def quantize_folder(config: Int8Nncf, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx; writes model.xml, model.bin, config.json and the tokenizer."""
    assert given.tokens is not None
    tokens = Tokens.read(given.tokens, given.parent)
    if config.sentences > len(tokens):
        log.info("sentences: %d requested, %d available: all of them are read", config.sentences, len(tokens))
    chosen = np.random.default_rng(given.spec["seed"]).permutation(len(tokens))[: config.sentences].tolist()
    with quantizing(given, given.tokens, name="model.xml") as target:
        model = quantized(read(given.parent / "model.onnx"), [tokens.batch([index]) for index in chosen])
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


def _read_by(model: Any) -> Iterator[tuple[Any, str]]:
    """Weight tables, each with the name of the operation that reads it. NNCF rebuilds the tables but keeps that name."""
    for constant in model.get_ops():
        if constant.get_type_name() == "Constant" and len(constant.shape) == 2:
            node = constant
            while len(readers := list(node.output(0).get_target_inputs())) == 1:
                node = readers[0].get_node()
                if node.get_type_name() in ("MatMul", "Gather"):
                    yield constant, node.get_friendly_name()
                    break
