"""Who makes and who reads the tensors of a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


class View:
    """Of a ModelProto as it is now. After nodes have changed, take another."""

    def __init__(self, model: Any) -> None:
        graph = model.graph
        self.tensors: Mapping[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
        self.made: Mapping[str, Any] = {name: node for node in graph.node for name in node.output}
        self._read: dict[str, list[Any]] = {output.name: [None] for output in graph.output}
        for node in graph.node:
            for name in node.input:
                self._read.setdefault(name, []).append(node)

    def readers(self, name: str) -> Sequence[Any]:
        """Nodes that read a tensor, once for each input; None stands for whoever runs the graph."""
        return self._read.get(name, [])

    def maker(self, name: str, *operators: str) -> Any:
        """The node that makes a tensor, if it is of these operators and nothing else reads it; else None."""
        node = self.made.get(name)
        return node if node is not None and node.op_type in operators and len(self.readers(name)) == 1 else None

    def constant(self, name: str) -> np.ndarray | None:
        """The values of an initializer, None for any other tensor."""
        from onnx import numpy_helper

        return numpy_helper.to_array(self.tensors[name]) if name in self.tensors else None


def attribute(node: Any, name: str) -> Any:
    """None if the node has none of that name."""
    from onnx import helper

    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), None)


def put(model: Any, nodes: Sequence[Any]) -> None:
    """Make these all nodes of the graph, but those whose outputs nothing reads; and drop the initializers that are then not read."""
    kept, wanted = [], {output.name for output in model.graph.output}
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(type(node).FromString(node.SerializeToString()))
            wanted |= set(node.input)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in wanted]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(reversed(kept))
    model.graph.initializer.extend(tensors)


def constant(model: Any, name: str, values: Any) -> str:
    """Add an initializer, unless there is one of that name; returns the name."""
    from onnx import numpy_helper

    if not any(tensor.name == name for tensor in model.graph.initializer):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return name
