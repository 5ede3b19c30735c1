"""Static INT8 beside embeddings of four bits."""

from __future__ import annotations

import numpy as np
import pytest
from quantizes import made, tensors

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.study.runtime import open_model
from edgemin.study.structure import Shape
from edgemin.study.variants import quantize_variant


@pytest.mark.parametrize("skip", [[], ["layer.1"]])
def test_layers_are_those_of_int8_static_and_tables_those_of_int4(with_tokens, tmp_path, skip):
    both = tensors(made(with_tokens, tmp_path / "both", scheme="int4_static", block_size=16, sentences=32, skip=skip))
    layers = tensors(made(with_tokens, tmp_path / "a", scheme="int8_static", embeddings=False, sentences=32, skip=skip))
    tables = tensors(made(with_tokens, tmp_path / "b", scheme="int4", linear=32, block_size=16))
    packed = {name for name in tables if "_int4" in name}
    assert packed
    assert {name for name in both if "_int4" in name} == packed
    assert all((both[name] == tables[name]).all() for name in packed)
    others = {name for name in both if name not in packed}
    assert [name for name in others if name.endswith(".T_quantized") or name.endswith("_quantized")]
    assert all((both[name] == layers[name]).all() for name in others)


def test_an_answer_does_not_depend_on_its_neighbours(with_tokens, tmp_path):
    folder = made(with_tokens, tmp_path / "q", scheme="int4_static", block_size=16, sentences=32)
    run, texts = open_model(folder, "onnxruntime", 1), Tokens.read(with_tokens[1], folder)
    alone = np.concatenate([run(texts.batch([index])) for index in range(16)])
    together = run(texts.batch(list(range(16))))
    assert np.abs(alone - together).max() < 1e-5
    assert (folder / "tables.onnx").exists() is False


def test_what_cannot_be_done_is_refused(with_tokens, tmp_path):
    with pytest.raises(EdgeminError, match=r"skip: 'layer\.9' is no linear layer"):
        made(with_tokens, tmp_path / "q", scheme="int4_static", skip=["layer.9"])
    variant = quantize_variant({"scheme": "int4_static", "backend": "onnxruntime"})
    assert variant.batch_invariant
    variant.check(Shape(heads=(2,), head_dim=8, embedding=32))
    with pytest.raises(EdgeminError, match="multiple of 16, they have 24; use int8_static"):
        variant.check(Shape(heads=(2,), head_dim=8, embedding=24))
