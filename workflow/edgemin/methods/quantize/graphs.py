"""ONNX graphs of encoders, seen as linear layers and embedding tables that can be replaced one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.core.provenance import EXPORT_PROVENANCE, check_provenance
from edgemin.encoders.folder import saving
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.study.linear_layers import check_skip, skips


@contextmanager
def quantizing(given: QuantizeInputs, *also_read: Path, name: str = "model.onnx") -> Iterator[Path]:
    """Check the digest of the parent's model.onnx, yield the path for the new graph, then add config, tokenizer and provenance.

    also_read: further files that it was made from. name: of the new file.
    """
    check_provenance(given.parent, "model.onnx", name=EXPORT_PROVENANCE)
    made_from = [given.parent / "model.onnx", *also_read]
    with saving(given.out, tokenizer_from=given.parent, spec=given.spec, parents=made_from) as partial:
        yield partial / name
        write_config(given.parent, partial, given.spec)


def write_config(parent: Path, partial: Path, spec: Mapping[str, Any]) -> None:
    """The parent's config.json, with the variant in it."""
    write_json(partial / "config.json", {**read_json(parent / "config.json"), "edgemin_quantization": spec["variant"]})


def read_graph(file: Path) -> Any:
    """The ModelProto, without the dynamo exporter's value_info, which quantizers contradict. Raises EdgeminError if unreadable."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(file)
        onnx.checker.check_model(model)
    except (DecodeError, OSError, onnx.checker.ValidationError) as error:
        raise EdgeminError(
            f"{file}: not a readable ONNX model ({str(error).splitlines()[0]}); delete it and run snakemake again"
        ) from None
    del model.graph.value_info[:]
    return model


@dataclass(frozen=True)
class Constant:
    """A node that reads a float matrix of the model: a linear layer (MatMul) or an embedding table (Gather)."""

    node: Any
    weight: str
    """Name of the initializer."""
    values: np.ndarray
    """A linear layer's is (in, out), a table's (rows, width)."""

    @property
    def module(self) -> str:
        """Dotted name of the PyTorch module that it was, such as `bert.pooler.dense`."""
        return self.weight.removesuffix(".T").removesuffix(".weight")


def split_gemms(model: Any) -> None:
    """Write every Gemm on a constant matrix as MatMul and Add, so that all linear layers are alike. In place."""
    from onnx import helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        if node.op_type == "Gemm" and node.input[1] in tensors and transposed:
            x, weight, bias = node.input
            values = numpy_helper.to_array(tensors[weight]).T
            model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), f"{weight}.T"))
            model.graph.initializer.remove(tensors[weight])
            product = f"{node.output[0]}.product"
            nodes.append(helper.make_node("MatMul", [x, f"{weight}.T"], [product], name=node.name))
            nodes.append(helper.make_node("Add", [product, bias], list(node.output)))
        else:
            nodes.append(node)
    _put(model, nodes)


def linear_layers(model: Any) -> list[Constant]:
    """Every MatMul with a constant second factor, in the graph's order."""
    return list(_constants(model, "MatMul", 1))


def heads(model: Any) -> list[Constant]:
    """Every Gemm on a constant matrix: the layers of the classifier's head, which read one token a sentence. Their matrix is (out, in)."""
    return list(_constants(model, "Gemm", 1))


def embedding_tables(model: Any) -> list[Constant]:
    """Every Gather from the rows of a constant float matrix."""
    return [table for table in _constants(model, "Gather", 0) if table.values.dtype == np.float32]


def skipped(model: Any, wanted: Sequence[str]) -> list[str]:
    """Names of the nodes, MatMul or Gemm, of linear layers that are to stay floats. Raises EdgeminError for a name of no layer."""
    layers = [*linear_layers(model), *heads(model)]
    check_skip(wanted, [layer.module for layer in layers])
    return [layer.node.name for layer in layers if skips(wanted, layer.module)]


def _constants(model: Any, op: str, position: int) -> Iterator[Constant]:
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in model.graph.initializer if len(tensor.dims) == 2}
    for node in model.graph.node:
        if node.op_type == op and node.input[position] in tensors:
            name = node.input[position]
            yield Constant(node, name, numpy_helper.to_array(tensors[name]))


def bias_of(model: Any, layer: Constant) -> tuple[list[str], list[str], list[Any]]:
    """What a linear layer adds to its product: the name of the bias (out,), of the sum, and the node of the sum; without a bias nothing,
    the name of the product, and nothing."""
    product, width = layer.node.output[0], layer.values.shape[1]
    readers = [node for node in model.graph.node if product in node.input]
    if len(readers) == 1 and readers[0].op_type == "Add":
        shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
        others = [name for name in readers[0].input if shapes.get(name) == [width]]
        if others:
            return others, list(readers[0].output), readers
    return [], [product], []


def replace(model: Any, old: Constant, nodes: Sequence[Any], tensors: Sequence[Any], without: Sequence[Any] = ()) -> None:
    """Replace the constant's node by `nodes`, remove the nodes `without`. Add `tensors`; remove the constant's matrix unless another node
    reads it."""
    before = [node for node in model.graph.node if not any(node is one or node == one for one in without)]
    position = next(index for index, node in enumerate(before) if node is old.node or node == old.node)
    _put(model, [*before[:position], *nodes, *before[position + 1 :]])
    present = {tensor.name for tensor in model.graph.initializer}
    model.graph.initializer.extend(tensor for tensor in tensors if tensor.name not in present)
    if not any(old.weight in node.input for node in model.graph.node):
        stored = next(tensor for tensor in model.graph.initializer if tensor.name == old.weight)
        model.graph.initializer.remove(stored)


def _put(model: Any, nodes: Sequence[Any]) -> None:
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def contrib(model: Any) -> None:
    """Declare ONNX Runtime's own operators, in place."""
    from onnx import helper

    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
