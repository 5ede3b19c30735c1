"""The model as an ONNX graph of a few nodes, weights inside under the names of the parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from edgemin.core.errors import EdgeminError
from edgemin.encoders.families.static.model import StaticClassifier
from edgemin.encoders.onnx_export import OPSET, TOLERANCE, largest_difference


def export(model: StaticClassifier, file: Path) -> float:
    """Write the graph; returns the largest |difference| of logits to PyTorch over several shapes. Raises EdgeminError if it exceeds the
    tolerance of every exported graph."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    head = ["pooled"]
    nodes = [
        helper.make_node("Gather", ["embeddings.weight", "input_ids"], ["vectors"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "one"], ["rows"]),
        helper.make_node("MatMul", ["rows", "vectors"], ["sums"]),
        helper.make_node("Squeeze", ["sums", "one"], ["sum"]),
        helper.make_node("ReduceSum", ["mask", "one"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], head[-1:]),
    ]
    if model.dense is not None:
        nodes.append(helper.make_node("Gemm", ["pooled", "dense.weight", "dense.bias"], ["hidden"], name="dense", transB=1))
        nodes.append(helper.make_node("Gelu", ["hidden"], ["active"]))
        head.append("active")
    nodes.append(
        helper.make_node("Gemm", [head[-1], "classifier.weight", "classifier.bias"], ["logits"], name="classifier", transB=1)
    )
    weights = [numpy_helper.from_array(value.detach().numpy(), name) for name, value in model.state_dict().items()]
    ids = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")
    ]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", model.config.num_labels])
    one = numpy_helper.from_array(np.array([1], dtype=np.int64), "one")
    graph = helper.make_graph(nodes, "static", ids, [logits], [*weights, one])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    onnx.checker.check_model(proto)
    onnx.save(proto, file)
    with torch.no_grad():
        worst = largest_difference(model, file)
    if not worst <= TOLERANCE:
        raise EdgeminError(
            f"{file}: its logits differ from PyTorch's by up to {worst:.2g} (allowed {TOLERANCE:g}); please report this model"
        )
    return worst
