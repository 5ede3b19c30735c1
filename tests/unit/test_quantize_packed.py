"""`int8_packed`: weights of few bits by GPTQ, which the runtime unpacks to the INT8 of `int8_compact`."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from quantizes import made, tensors

from edgemin.core.errors import EdgeminError
from edgemin.data.tokens import Tokens
from edgemin.deploy.across.saturating import saturates
from edgemin.encoders import checkpoint
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.schemes.int8_packed.in_onnxruntime import calibrated
from edgemin.methods.schemes.int8_packed.moments import second_moments
from edgemin.methods.schemes.int8_packed.rounding import DAMPING, Packed, pack
from edgemin.study.structure import Shape
from edgemin.study.variants import quantize_variant

BITS = (4, 3, 2)


def weights(outputs: int, inputs: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(outputs, inputs)).astype(np.float32)


def correlated(inputs: int, seed: int = 0) -> np.ndarray:
    """Second moments of 200 texts whose features go together."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(200, inputs)) @ random.normal(size=(inputs, inputs))
    return np.asarray(rows.T @ rows)


def error(weight: np.ndarray, packed: Packed, moments: np.ndarray) -> float:
    """Squared error of the layer's output, summed over texts and outputs."""
    off = packed.values() - weight
    return float(np.trace(off @ moments @ off.T))


# -- the codes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", BITS)
def test_codes_multipliers_and_integers_are_what_they_are_said_to_be(bits):
    packed = pack(weights(6, 40), None, bits=bits, group=16)
    middle = 2 ** (bits - 1)
    assert packed.codes.shape == (6, 40)
    assert packed.multipliers.shape == (6, 3)
    assert packed.codes.min() >= -middle
    assert packed.codes.max() < middle
    assert np.abs(packed.multipliers).max() == 127
    assert packed.multipliers.all()
    by_hand = [
        [int(np.rint(int(code) * int(packed.multipliers[row, at // 16]) / middle)) for at, code in enumerate(codes)]
        for row, codes in enumerate(packed.codes)
    ]
    assert packed.integers().tolist() == by_hand
    assert np.allclose(packed.values(), packed.integers() * packed.scale[:, None])


def test_a_weight_that_has_a_code_is_met():
    """One group: s p with m = ±127 and codes of -8 to 7, sign of the scale included."""
    grid = np.rint(np.arange(-8, 8) * 127 / 8) * 0.01
    for row in (grid, -grid):
        assert np.allclose(pack(row[None].astype(np.float32), None, bits=4, group=16).values(), row, rtol=1e-3)


def test_nearest_is_within_half_a_step_where_nothing_is_clipped():
    weight = weights(8, 64)
    packed = pack(weight, None, bits=4, group=16)
    step = np.repeat(np.abs(packed.multipliers), 16, axis=1) / 8 * packed.scale[:, None]
    inside = (packed.codes > -8) & (packed.codes < 7)
    half = step / 2 + packed.scale[:, None] / 2  # and the rounding to INT8
    assert (np.abs(packed.values() - weight) <= half * 1.001)[inside].all()
    assert inside.mean() > 0.7


def test_the_second_weight_makes_up_for_the_error_of_the_first():
    """Least (e1² h11 + 2 e1 e2 h12 + e2² h22) at given e1 is at e2 = -e1 h12 / h22."""
    weight = np.array([[0.93, 0.42], [0.2, 0.77]], np.float32)
    moments = np.array([[4.0, 2.5], [2.5, 3.0]])
    packed, nearest = (pack(weight, which, bits=2, group=16) for which in (moments, None))
    assert (packed.multipliers == nearest.multipliers).all()
    assert (packed.codes[:, 0] == nearest.codes[:, 0]).all()
    damped = moments + DAMPING * 3.5 * np.eye(2)
    first = weight[:, 0] - packed.values()[:, 0]
    wanted = weight[:, 1] + first * damped[0, 1] / damped[1, 1]
    steps = packed.multipliers[:, 0] / 2 * packed.scale
    assert packed.codes[:, 1].tolist() == np.clip(np.rint(wanted / steps), -2, 1).tolist()


def test_the_input_of_the_largest_moment_is_rounded_first():
    weight = np.array([[0.93, 0.42]], np.float32)
    moments = np.array([[3.0, 2.5], [2.5, 4.0]])
    packed, nearest = (pack(weight, which, bits=2, group=16) for which in (moments, None))
    assert packed.codes[0, 1] == nearest.codes[0, 1]
    mirrored = pack(weight[:, ::-1].copy(), moments[::-1, ::-1], bits=2, group=16)
    assert packed.codes[0].tolist() == mirrored.codes[0, ::-1].tolist()


@pytest.mark.parametrize("inputs", [5, 64, 150])
def test_inputs_that_have_nothing_in_common_are_rounded_to_nearest(inputs):
    weight, diagonal = weights(4, inputs), np.diag(np.random.default_rng(1).uniform(1, 9, inputs))
    assert (pack(weight, diagonal, bits=3, group=32).codes == pack(weight, None, bits=3, group=32).codes).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bits", BITS)
def test_the_output_has_less_error_than_by_rounding_to_nearest(bits, seed):
    """150 inputs, so that errors are passed on within a block and beyond it."""
    weight, moments = weights(8, 150, seed), correlated(150, seed)
    best, nearest = (error(weight, pack(weight, which, bits=bits, group=32), moments) for which in (moments, None))
    assert best < 0.6 * nearest
    assert bits == 4 or error(weight, pack(weight, moments, bits=bits + 1, group=32), moments) < best


def test_it_is_nearer_to_the_best_of_all_codes_than_rounding_to_nearest():
    """Four inputs of two bits, 20 matrices, of each all 256 choices."""
    errors = np.zeros(3)
    for seed in range(20):
        weight, moments = weights(1, 4, seed), correlated(4, seed)
        packed, nearest = (pack(weight, which, bits=2, group=16) for which in (moments, None))
        best = min(
            error(weight, Packed(np.array([codes], np.int8), packed.multipliers, packed.scale, 2, 16), moments)
            for codes in itertools.product(range(-2, 2), repeat=4)
        )
        errors += best, error(weight, packed, moments), error(weight, nearest, moments)
    assert errors[0] < errors[1] < 0.95 * errors[2]


def test_no_texts_and_inputs_that_are_always_zero_leave_finite_weights():
    weight, moments = weights(3, 20), correlated(20)
    moments[4], moments[:, 4] = 0, 0
    for given in (moments, np.zeros((20, 20))):
        assert np.isfinite(pack(weight, given, bits=4, group=16).values()).all()
    nothing = pack(np.zeros((2, 16), np.float32), moments[:16, :16], bits=4, group=16)
    assert not nothing.values().any()


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("found", [None, correlated(96)], ids=["nearest", "gptq"])
def test_zeros_leave_the_scale_to_the_others(per_channel, found):
    """A group of zeros, and a row of them."""
    weight = 0.04 * weights(5, 96)
    weight[:4, 32:64] = 0
    weight[4] = 0
    packed = pack(weight, found, 4, 32, per_channel=per_channel)
    assert not packed.values()[4].any()
    others = np.abs(packed.multipliers[:4, [0, 2]]).min() if per_channel else np.abs(packed.multipliers[:4, [0, 2]]).max()
    assert others > 30
    if found is None:
        assert np.square(packed.values() - weight).sum() < 0.02 * np.square(weight).sum()


def test_a_code_is_nearest_by_the_integer_that_it_stands_for():
    """Beside a weight that is 200 times as large, groups have multipliers of 1 or 2: integers -2 to 2."""
    weight = 0.04 * weights(1, 64)
    weight[0, 0] = 8
    packed = pack(weight, None, 4, 16)
    integers = weight[0, 16:] / packed.scale
    assert (np.abs(packed.integers()[0, 16:] - integers) <= 0.5 + 0.5).all()
    every = [np.rint(np.arange(-8, 8) * int(m) / 8) for m in np.repeat(packed.multipliers[0, 1:], 16)]
    best = [np.abs(values - wanted).min() for values, wanted in zip(every, integers, strict=True)]
    assert np.allclose(np.abs(packed.integers()[0, 16:] - integers), best, atol=1e-6)


def test_a_reduced_range_and_one_scale_for_all():
    weight = weights(5, 32) * np.arange(1, 6)[:, None]
    reduced = pack(weight, None, bits=4, group=16, largest=64)
    assert np.abs(reduced.integers()).max() <= 64
    shared = pack(weight, None, bits=4, group=16, per_channel=False)
    assert shared.scale.shape == ()
    assert np.abs(shared.values() - weight).max() < np.abs(weight).max() / 7


# -- the moments -------------------------------------------------------------------------------------------------------


def test_moments_are_sums_over_tokens_without_padding(with_tokens):
    folder, train = with_tokens
    model, name = checkpoint.load(folder), "bert.encoder.layer.0.attention.self.query"
    batches = sentences(train, folder, 40, 0)
    assert any((batch["inputs"]["attention_mask"] == 0).any() for batch in batches)
    found = second_moments(model, batches, [name, "bert.encoder.layer.1.output.dense"])
    rows = []
    with torch.no_grad():
        for batch in batches:
            inputs = {key: value for key, value in batch["inputs"].items() if key != "attention_mask"}
            rows.append(model.bert.embeddings(**inputs)[batch["inputs"]["attention_mask"].bool()])
    of_all = torch.cat(rows).double()
    assert np.allclose(found[name], (of_all.T @ of_all).numpy(), rtol=1e-4, atol=1e-4)
    assert set(found) == {name, "bert.encoder.layer.1.output.dense"}
    again = second_moments(model, batches, [name])  # no hook was left behind
    assert (again[name] == found[name]).all()


# -- the graph ---------------------------------------------------------------------------------------------------------


def answers(model: onnx.ModelProto, batch, extra=()):
    """Logits, and tensors besides."""
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in extra)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = {one.name for one in session.get_inputs()}
    inputs = {name: np.asarray(value, np.int64) for name, value in batch.items() if name in wanted}
    return session.run(["logits", *extra], inputs)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_the_graph_unpacks_the_codes_and_is_int8_compact_with_these_weights(with_tokens, tmp_path, bits, per_channel):
    keys = {"group": 16, "sentences": 16, "per_channel": per_channel}
    packed = made(with_tokens, tmp_path / "p", scheme="int8_packed", bits=bits, **keys)
    compact = made(with_tokens, tmp_path / "c", scheme="int8_compact", **keys)
    config = quantize_variant({"scheme": "int8_packed", "backend": "onnxruntime", "bits": bits, **keys})
    given = QuantizeInputs(with_tokens[0], tmp_path / "x", {"variant": config.model_dump(), "seed": 0}, with_tokens[1])
    _, expected = calibrated(config, given)
    assert len(expected) == 12
    batch = Tokens.read(with_tokens[1], packed).batch(list(range(16)))
    names = {f"{module}.weight.T_quantized": weight for module, weight in expected.items()}
    logits, *unpacked = answers(onnx.load(packed / "model.onnx"), batch, names)
    for weight, found in zip(names.values(), unpacked, strict=True):
        assert found.dtype == np.int8
        assert (found == weight.integers().T).all()
    twin = onnx.load(compact / "model.onnx")
    stored = {tensor.name: tensor for tensor in twin.graph.initializer}
    for name, weight in names.items():
        stored[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(weight.integers().T), name))
        scale = name.removesuffix("quantized") + "scale"
        each = np.broadcast_to(weight.scale, tuple(stored[scale].dims)).copy()
        stored[scale].CopyFrom(numpy_helper.from_array(each, scale))
    assert (logits == answers(twin, batch)[0]).all()


def test_the_runtime_unpacks_once_as_it_loads_the_model(with_tokens, tmp_path):
    """What it runs has the nodes of `int8_compact`, of the same constant weights."""
    loaded = {}
    for scheme in ("int8_packed", "int8_compact"):
        folder, options = made(with_tokens, tmp_path / scheme, scheme=scheme, group=16), onnxruntime.SessionOptions()
        options.optimized_model_filepath, options.intra_op_num_threads = str(tmp_path / "run.onnx"), 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        graph = onnx.load(tmp_path / "run.onnx").graph
        weights = sorted(
            tuple(one.dims) for one in graph.initializer if one.data_type == onnx.TensorProto.INT8 and len(one.dims) == 2
        )
        loaded[scheme] = Counter(node.op_type for node in graph.node), weights
    assert loaded["int8_packed"] == loaded["int8_compact"]
    assert loaded["int8_packed"][1]


@pytest.mark.parametrize("bits", BITS)
def test_a_weight_takes_its_bits_and_a_byte_for_its_group(with_tokens, tmp_path, bits):
    packed = tensors(made(with_tokens, tmp_path / "p", scheme="int8_packed", bits=bits, group=16))
    compact = tensors(made(with_tokens, tmp_path / "c", scheme="int8_compact", group=16))
    layers = {name.removesuffix("_quantized"): value for name, value in compact.items() if name.endswith(".T_quantized")}
    assert len(layers) == 12
    for name, values in layers.items():
        groups, outputs = -(-values.shape[0] // 16), values.shape[1]
        assert sum(packed[one].nbytes for one in packed if one.startswith(f"{name}_codes")) == groups * 16 * outputs * bits / 8
        assert packed[f"{name}_multipliers"].nbytes == groups * outputs
        assert f"{name}_quantized" not in packed


def test_attention_stays_one_node_and_only_wanted_layers_are_packed(with_tokens, tmp_path):
    whole, part = (
        onnx.load(made(with_tokens, tmp_path / name, scheme="int8_packed", group=16, skip=skip) / "model.onnx")
        for name, skip in (("all", []), ("part", ["layer.1"]))
    )
    fused = onnx.load(made(with_tokens, tmp_path / "c", scheme="int8_compact", group=16) / "model.onnx")
    counts = [Counter(node.op_type for node in graph.graph.node) for graph in (whole, part, fused)]
    assert counts[0]["QAttention"] == counts[2]["QAttention"] > 0
    assert [count["Unpack"] for count in counts] == [12, 6, 0]
    names = {tensor.name for tensor in part.graph.initializer if tensor.name.endswith("_codes0")}
    assert len(names) == 6
    assert not any("layer.1" in name for name in names)


@pytest.mark.parametrize("reduce_range", [True, False])
def test_a_bundle_is_told_whether_its_products_may_saturate(with_tokens, tmp_path, reduce_range):
    packed = made(with_tokens, tmp_path / "q", scheme="int8_packed", group=16, reduce_range=reduce_range)
    assert saturates(packed / "model.onnx") != reduce_range


def test_nearest_is_a_choice(with_tokens, tmp_path):
    both = [
        tensors(made(with_tokens, tmp_path / how, scheme="int8_packed", bits=3, group=16, rounding=how))
        for how in ("gptq", "nearest")
    ]
    planes = [name for name in both[0] if name.endswith("_codes0")]
    assert len(planes) == 12
    assert any((both[0][name] != both[1][name]).any() for name in planes)
    assert all((both[0][name] == both[1][name]).all() for name in both[0] if name.endswith("_multipliers"))


def test_the_same_variant_twice_gives_the_same_file(with_tokens, tmp_path):
    files = [made(with_tokens, tmp_path / name, scheme="int8_packed", bits=3, group=16) / "model.onnx" for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_cannot_be_done_is_refused(with_tokens, tmp_path):
    with pytest.raises(EdgeminError, match=r"skip: 'layer\.9' is no linear layer"):
        made(with_tokens, tmp_path / "q", scheme="int8_packed", skip=["layer.9"])
    variant = quantize_variant({"scheme": "int8_packed", "backend": "onnxruntime"})
    assert variant.batch_invariant
    with pytest.raises(EdgeminError, match="multiple of 16, the embeddings have 24"):
        variant.check(Shape(heads=(2,), head_dim=8, embedding=24))
