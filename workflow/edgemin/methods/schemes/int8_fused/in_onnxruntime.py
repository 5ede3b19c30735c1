"""The float graph is rewritten, quantized by `int8_static` or `int4_static`, and its attention fused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import TOLERANCE
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.graphs import quantizing, read_graph, skipped
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import Range, input_ranges
from edgemin.methods.schemes.int4_static import Int4Static
from edgemin.methods.schemes.int4_static import in_onnxruntime as int4_static
from edgemin.methods.schemes.int8_fused import Int8Fused, attention, first_token, padding
from edgemin.methods.schemes.int8_static import in_onnxruntime as int8_static

REWRITES: Mapping[str, Callable[[Any], bool]] = {"the mask of padding": padding.straighten, "the last layer": first_token.only}
"""Of float graphs, in this order."""
_SHAPES = ((1, 3), (1, 8), (3, 7))
"""(batch, length) of the inputs on which a rewritten graph has to answer as before."""


def quantize_folder(config: Int8Fused, given: QuantizeInputs) -> None:
    """Reads the parent's model.onnx, its PyTorch twin for the ranges, and training sentences; writes model.onnx, config.json and the
    tokenizer. Raises EdgeminError, before any calibration, for a `skip` that names no linear layer."""
    assert given.tokens is not None
    with quantizing(given, given.tokens) as target:
        floats = read_graph(given.parent / "model.onnx")
        skipped(floats, config.skip)
        batches = sentences(given.tokens, given.parent, config.sentences, given.spec["seed"])
        quantize(rewritten(floats), target, config, input_ranges(checkpoint.load(given.parent), batches, config.linear))


def quantize(floats: Any, target: Path, config: Int8Fused, ranges: Mapping[str, Range]) -> None:
    """floats: a rewritten ModelProto. Writes the quantized one to `target`. ranges: of the input of each linear layer, by module."""
    import onnx

    source = target.with_name("floats.onnx")
    onnx.save(floats, source)
    plain = config.plain
    if isinstance(plain, Int4Static):
        int4_static.quantize(source, target, plain, ranges)
    else:
        int8_static.quantize(source, target, plain, ranges)
    source.unlink()
    model = read_graph(target)
    logging.info("%d attentions are one node each", attention.fuse(model))
    onnx.save(model, target)


def rewritten(floats: Any) -> Any:
    """The same model in fewer steps. A rewrite after which it would answer otherwise is left out."""
    for words, rewrite in REWRITES.items():
        candidate = type(floats).FromString(floats.SerializeToString())
        if rewrite(candidate) and same_answers(floats, candidate):
            floats = candidate
        else:
            logging.info("%s stays as the exporter wrote it", words)
    return floats


def same_answers(before: Any, after: Any) -> bool:
    """Whether two graphs of one model say the same on random tokens, within the rounding of floats. Half of each row but the first is padding."""
    tokens = _tokens(before)
    for seed, (batch, length) in enumerate(_SHAPES):
        mask = np.ones((batch, length), np.int64)
        mask[1:, length // 2 :] = 0
        ids = np.random.default_rng(seed).integers(0, tokens, mask.shape)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        old, new = _answers(before, given), _answers(after, given)
        if old is None or new is None or old.shape != new.shape or not np.abs(old - new).max() <= TOLERANCE:
            return False
    return True


def _answers(model: Any, given: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Logits; None of a graph that does not run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is wrong with it is no news
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(["logits"], {one.name: given[one.name] for one in session.get_inputs()})[0])
    except Exception:  # onnxruntime raises classes of its own that share no base
        return None


def _tokens(model: Any) -> int:
    """Rows of the table that token ids choose from."""
    sizes = {tensor.name: tensor.dims[0] for tensor in model.graph.initializer if len(tensor.dims) == 2}
    return next(
        int(sizes[node.input[0]])
        for node in model.graph.node
        if node.op_type == "Gather" and node.input[1] == "input_ids" and node.input[0] in sizes
    )
