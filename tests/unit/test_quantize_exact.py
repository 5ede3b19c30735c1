"""Integers that no processor changes, and answers that no neighbour changes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import exact_processor
from onnx import helper, numpy_helper
from pydantic import TypeAdapter, ValidationError

from edgemin.data.tokens import Tokens
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic
from edgemin.methods.schemes.int8_dynamic.in_onnxruntime import quantize as quantize_dynamic
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import quantize as quantize_static
from edgemin.methods.schemes.int8_static.in_onnxruntime import weight_parameters
from edgemin.study.runtime import open_model
from edgemin.study.variants import AnyQuantize

WIDTH = 32
INT8, STATIC = {"backend": "onnxruntime"}, {"scheme": "int8_static", "backend": "onnxruntime", "sentences": 64}


def ones(folder) -> None:
    """A graph of one linear layer: the sum of WIDTH inputs, as a product with ones."""
    weight = numpy_helper.from_array(np.ones((WIDTH, 16), np.float32), "linear.weight")
    node = helper.make_node("MatMul", ["x", "linear.weight"], ["logits"], name="linear")
    graph = helper.make_graph(
        [node],
        "ones",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 16])],
        [weight],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / "model.onnx")


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("reduced", [False, True])
def test_only_reduced_weights_give_the_same_sum_on_every_processor(tmp_path, static, reduced):
    """Inputs of 1 are 255, weights of 1 are 127 or 64. Two products are 64,770 or 32,640; AVX2 without VNNI cuts them at 32,767."""
    ones(tmp_path)
    if static:
        variant = Int8Static(scheme="int8_static", backend="onnxruntime", reduce_range=reduced, embeddings=False)
        quantize_static(tmp_path / "model.onnx", tmp_path / "int8.onnx", variant, {"linear": (0.0, 1.0)})
    else:
        variant = Int8Dynamic(backend="onnxruntime", reduce_range=reduced)
        quantize_dynamic(tmp_path / "model.onnx", tmp_path / "int8.onnx", variant)
    found = onnxruntime.InferenceSession(tmp_path / "int8.onnx", providers=["CPUExecutionProvider"]).run(
        None, {"x": np.ones((3, WIDTH), np.float32)}
    )[0]
    saturated = WIDTH / 2 * 32767 / (255 * 127)
    assert found == pytest.approx(WIDTH if reduced or exact_processor() else saturated, rel=1e-5)


def test_reduced_weights_have_64_steps():
    values = np.array([[0.64, -1.28], [0.1, 0.0]], np.float32)
    codes, scale = weight_parameters(values, per_channel=True, reduce_range=True)
    assert scale == pytest.approx([0.01, 0.02])
    assert codes.tolist() == [[64, -64], [10, 0]]


@pytest.mark.parametrize(
    "variant", [{**INT8}, {**STATIC}, {"scheme": "int4", "backend": "onnxruntime", "linear": 8, "block_size": 16}]
)
def test_a_reduced_range_is_of_linear_layers_alone(with_tokens, tmp_path, variant):
    """Embedding tables, which no product reads, keep 8 bits."""
    folder, train = with_tokens
    for reduced in (False, True):
        out = tmp_path / str(reduced)
        make(folder, out, train, {**variant, "reduce_range": reduced})
        tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(out / "model.onnx").graph.initializer}
        linear = [values for name, values in tensors.items() if name.endswith("_quantized") and "embeddings" not in name]
        assert len(linear) >= 12
        assert {int(np.abs(values.astype(int)).max()) for values in linear} == {64 if reduced else 127}
        if variant.get("scheme") != "int4":
            table = tensors["bert.embeddings.word_embeddings.weight_quantized"]
            assert int(table.max()) - int(table.min()) >= 254


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"backend": "torch", "reduce_range": True}, "torch.ao reduces activations to 7 bits"),
        ({"scheme": "int4", "backend": "onnxruntime", "reduce_range": True}, "set linear: 8"),
    ],
)
def test_a_range_that_cannot_be_reduced_is_refused(variant, message):
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(AnyQuantize).validate_python(variant)


def make(folder, out, train, variant) -> None:
    spec = TypeAdapter(AnyQuantize).validate_python(variant).model_dump()
    quantize(QuantizeInputs(folder, out, {"variant": spec, "seed": 0}, train))


INT4 = {"scheme": "int4", "backend": "onnxruntime", "block_size": 16}


@pytest.mark.parametrize(
    "variant",
    [
        INT8,
        {"backend": "torch"},
        STATIC,
        {**STATIC, "reduce_range": True},
        {**STATIC, "skip": ["layer.0"]},
        {**STATIC, "scheme": "int8_fused"},
        {**STATIC, "scheme": "int8_compact", "group": 16},
        {**STATIC, "scheme": "int8_packed", "group": 16},
        INT4,
        {**INT4, "linear": 32},
        {**INT4, "linear": 8},
        {"scheme": "int8_nncf", "sentences": 64},
    ],
    ids=str,
)
def test_a_scheme_says_truly_whether_answers_depend_on_neighbours(with_tokens, tmp_path, variant):
    """Each text alone, and in a batch of 64 with another order and more padding than it needs.

    Floats may round otherwise in another batch, some 1e-7, which can move an activation that lies between two codes to the other one.
    A range that spans the batch moves nearly all of them.
    """
    if variant.get("scheme") == "int8_nncf":
        pytest.importorskip("nncf")
    folder, train = with_tokens
    make(folder, tmp_path / "out", train, variant)
    settings = TypeAdapter(AnyQuantize).validate_python(variant)
    run, tokens = open_model(tmp_path / "out", settings.backend, 1), Tokens.read(train, folder)
    alone = np.concatenate([run(tokens.batch([index])) for index in range(64)])
    order = np.random.default_rng(0).permutation(64)
    together = np.empty_like(alone)
    together[order] = run(tokens.batch(order.tolist(), multiple=16))
    moved = np.abs(alone - together).max(1)
    if getattr(settings, "batch_invariant", False):
        assert np.mean(moved < 1e-5) > 0.9
        assert moved.max() < 5e-3
    else:
        assert np.mean(moved > 1e-4) > 0.5
