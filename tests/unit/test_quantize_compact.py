"""`int8_compact`: the linear layers of `int8_fused`, the head and the tables of `few_bits`, in fewer bytes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from quantizes import made, tensors

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.study.runtime import open_model
from edgemin.study.structure import Shape
from edgemin.study.variants import quantize_variant


@pytest.mark.parametrize("skip", [[], ["layer.1"]])
@pytest.mark.parametrize("embeddings", [4, 2])
def test_each_matrix_is_that_of_one_of_both_schemes(with_tokens, tmp_path, skip, embeddings):
    both = tensors(made(with_tokens, tmp_path / "c", scheme="int8_compact", group=16, embeddings=embeddings, skip=skip))
    layers = tensors(made(with_tokens, tmp_path / "a", scheme="int8_fused", embeddings=32, skip=skip))
    rest = tensors(made(with_tokens, tmp_path / "b", scheme="few_bits", bits=8, group=16, embeddings=embeddings))
    packed = [name for name in both if name.endswith("_codes")]
    assert {name.rpartition(".weight")[0].rpartition(".")[2] for name in packed} == {
        "word_embeddings", "position_embeddings", "token_type_embeddings", "dense", "classifier",
    }  # fmt: skip
    assert all((both[name] == rest[name]).all() for name in packed)
    integers = [name for name in layers if layers[name].dtype == np.int8]
    assert integers
    assert all((both[name] == layers[name]).all() for name in integers)
    largest_float = max(value.size for value in both.values() if value.dtype == np.float32)
    skipped = max(layers[name].size for name in layers if "layer.1" in name) if skip else 0
    assert largest_float <= max(skipped, 256)


def test_it_is_smaller_than_the_fused_form_and_answers_as_it_does(with_tokens, tmp_path):
    groups = {"compact": {"group": 16}, "fused": {"block_size": 16}}
    compact, fused = (made(with_tokens, tmp_path / name, scheme=f"int8_{name}", embeddings=4, **groups[name]) for name in groups)
    texts = Tokens.read(with_tokens[1], compact)
    batch = texts.batch(list(range(16)))
    answers = [open_model(folder, "onnxruntime", 1)(batch) for folder in (with_tokens[0], compact, fused)]
    errors = [np.abs(answer - answers[0]).max() for answer in answers[1:]]
    assert errors[0] < max(2 * errors[1], 0.02)
    assert (compact / "model.onnx").stat().st_size < (fused / "model.onnx").stat().st_size
    operators = Counter(node.op_type for node in onnx.load(compact / "model.onnx").graph.node)
    assert operators["Gemm"] == 0
    assert operators["MatMulNBits"] == 2
    assert not (compact / "fused.onnx").exists()


def test_what_cannot_be_done_is_refused(with_tokens, tmp_path):
    with pytest.raises(EdgeminError, match=r"skip: 'layer\.9' is no linear layer"):
        made(with_tokens, tmp_path / "q", scheme="int8_compact", skip=["layer.9"])
    variant = quantize_variant({"scheme": "int8_compact", "backend": "onnxruntime"})
    assert variant.batch_invariant
    variant.check(Shape(heads=(2,), head_dim=8, embedding=32))
    with pytest.raises(EdgeminError, match="multiple of 16, the embeddings have 24"):
        variant.check(Shape(heads=(2,), head_dim=8, embedding=24))
