"""Float checkpoint -> model.onnx: one file, weights inside, dynamic batch and length, checked against PyTorch.

By the dynamo exporter: the TorchScript one is wrong for models with relative positions away from the traced length.
Attention is exported in its eager form, which gives the smaller graph.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgemin.core.errors import EdgeminError
from edgemin.core.files import whole_folder
from edgemin.core.provenance import EXPORT_PROVENANCE, write_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.study.family import family_of, usable_positions

log = logging.getLogger(__name__)
OPSET = 20
TOLERANCE = 1e-4  # float32 through a dozen layers in another order of additions: observed 1e-6 to 2e-5
_SHAPES = ((1, 3), (1, 8), (2, 17), (5, 40), (3, 64), (1, 127))  # (batch, length), none of them the traced one


def export(model: Classifier, file: Path) -> float:
    """Write the graph; returns the largest |difference| of logits to PyTorch over several shapes.

    Raises EdgeminError if it exceeds TOLERANCE.
    """
    import onnx

    model = model.eval()
    model.set_attn_implementation("eager")
    names = list(family_of(model.config).inputs)
    sample = random_inputs(model, 2, min(12, usable_positions(model.config)), seed=0)
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (),
            kwargs=sample,
            input_names=names,
            output_names=["logits"],
            dynamic_shapes={name: {0: batch, 1: length} for name in names},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _name_weights(proto, model)
    _keep_layer_norms_apart(proto)
    _forget_source(proto)
    onnx.save(proto, file)
    worst = largest_difference(model, file)
    if not worst <= TOLERANCE:
        raise EdgeminError(
            f"{file}: its logits differ from PyTorch's by up to {worst:.2g} (allowed {TOLERANCE:g}); please report this model"
        )
    return worst


def random_inputs(model: Classifier, batch: int, length: int, seed: int) -> dict[str, torch.Tensor]:
    """Random token ids, the second half of all rows but the first one masked: (batch, length) int64 tensors."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(min(4, model.config.vocab_size - 1), model.config.vocab_size, (batch, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[1:, max(1, length // 2) :] = 0
    pad = model.config.pad_token_id if model.config.pad_token_id is not None else 0
    values = {"input_ids": ids.masked_fill(mask == 0, pad), "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}
    return {name: values[name] for name in family_of(model.config).inputs}


def largest_difference(model: Classifier, file: Path) -> float:
    """Largest |difference| of the logits of PyTorch and ONNX Runtime over batches and lengths that were not traced."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    worst = 0.0
    for number, (batch, length) in enumerate(_SHAPES):
        if length > usable_positions(model.config):
            continue
        inputs = random_inputs(model, batch, length, seed=number)
        with torch.no_grad():
            ours = model(**inputs).logits.numpy()
        theirs = session.run(["logits"], {name: values.numpy() for name, values in inputs.items()})[0]
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


def _name_weights(proto: Any, model: Classifier) -> None:
    """Give folded, transposed weights (`val_83`) the name of the parameter they come from, with `.T`; drop value_info.

    onnxruntime's quantizer trips over the dynamo exporter's value_info, and a readable name tells what a weight is.
    """
    from onnx import numpy_helper

    del proto.graph.value_info[:]
    transposed = {
        (tuple(parameter.T.shape), parameter.detach().T.contiguous().numpy().tobytes()): f"{name}.T"
        for name, parameter in model.named_parameters()
        if parameter.dim() == 2
    }
    own = dict(model.named_parameters())
    renamed = {}
    for tensor in proto.graph.initializer:
        if len(tensor.dims) == 2 and tensor.name not in own:
            name = transposed.get((tuple(tensor.dims), numpy_helper.to_array(tensor).tobytes()))
            if name:
                renamed[tensor.name] = name
                tensor.name = name
    for node in proto.graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)


def _keep_layer_norms_apart(proto: Any) -> None:
    """Write the addition before a LayerNormalization as `Sum`, which means the same.

    ONNX Runtime fuses an `Add` and a LayerNormalization of known shapes (as in quantized graphs) to SkipLayerNormalization.
    Its CPU kernel is slower than the two: 62 against 10 + 3 microseconds at 27 x 384 in onnxruntime 1.32.
    """
    normalised = {node.input[0] for node in proto.graph.node if node.op_type == "LayerNormalization"}
    for node in proto.graph.node:
        if node.op_type == "Add" and node.output[0] in normalised:
            node.op_type = "Sum"


def _forget_source(proto: Any) -> None:
    """Drop what the exporter notes about each node: its call stack among them, with this machine's paths.

    Half a megabyte for six layers, and other bytes in every folder that it is installed in.
    """
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.ClearField("doc_string")


def export_checkpoint(folder: Path, spec: Mapping[str, Any]) -> None:
    """Write model.onnx and its provenance beside the float checkpoint of `folder`."""
    checkpoint.quiet_transformers()
    model = checkpoint.load(folder)
    with whole_folder(folder) as partial:
        worst = export(model, partial / "model.onnx")
        log.info("onnx: logits within %.1e of PyTorch", worst)
        write_provenance(
            partial, spec=spec, parents=[folder / "model.safetensors"], name=EXPORT_PROVENANCE, largest_difference=worst
        )
