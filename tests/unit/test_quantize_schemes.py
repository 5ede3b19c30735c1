"""Static INT8, 4-bit groups and bfloat16."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from pydantic import TypeAdapter, ValidationError

from edgemin.config.variants import AnyQuantize, BFloat16, Int4, Int8Dynamic, Int8Static
from edgemin.deploy.onnx_export import export, random_inputs
from edgemin.encoders import checkpoint
from edgemin.encoders.families import FAMILIES
from edgemin.encoders.folder import TOKENIZER_FILES
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.measure.runtimes import open_model
from edgemin.measure.size import measure as measure_size
from edgemin.quantize import onnxruntime_dynamic, onnxruntime_int4, onnxruntime_static
from edgemin.quantize.graphs import embedding_tables, linear_layers, read_graph, skips, split_gemms
from edgemin.quantize.onnxruntime_int4 import blocks, pack
from edgemin.quantize.onnxruntime_static import activation_parameters, weight_parameters
from edgemin.quantize.ranges import entropy_range, input_ranges, percentile_range
from edgemin.quantize.scan import divergence, part_of
from edgemin.quantize.stage import quantize
from edgemin.training.data import read_examples, sampled

STEP = 1.001  # rounding of float32 on top of half a step


def arrays(model, seed: int = 2) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in random_inputs(model, 3, 9, seed).items()}


def spec(**variant) -> dict:
    return {"variant": TypeAdapter(AnyQuantize).validate_python(variant).model_dump(), "seed": 0, "max_length": 16}


def reference(model, graph) -> dict[str, torch.Tensor]:
    """The weights that a quantized graph stands for, by PyTorch's names: integers times scales."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    found = {}
    for name, value in model.state_dict().items():
        for form, turned in ((name, False), (f"{name}.T", True), (f"{name}_Transposed", True)):
            if f"{form}_quantized" in tensors:
                zero = tensors[f"{form}_zero_point"].astype(np.float32)
                weight = (tensors[f"{form}_quantized"].astype(np.float32) - zero) * tensors[f"{form}_scale"]
                found[name] = torch.from_numpy(np.ascontiguousarray(weight.T if turned else weight))
            elif f"{form}_int4" in tensors:
                scale = tensors[f"{form}_int4_scale"]
                bytes_ = tensors[f"{form}_int4"].reshape(*scale.shape, -1)
                codes = np.stack([bytes_ & 15, bytes_ >> 4], -1).reshape(*scale.shape, -1).astype(np.float32)
                found[name] = torch.from_numpy(((codes - 8) * scale[..., None]).reshape(len(scale), -1)[:, : value.shape[1]])
    return found


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero"),
    [(0, 2.55, 0.01, 0), (-1, 1.55, 0.01, 100), (1, 2.55, 0.01, 0), (-2.55, -1, 0.01, 255), (0, 0, 1, 0)],
)
def test_activation_parameters_by_hand(low, high, scale, zero):
    assert activation_parameters(low, high) == (pytest.approx(scale), zero)


def test_weights_are_rounded_to_127_steps_a_column():
    values = np.array([[1.27, -0.5], [0.004, 2.54], [0, 0]], np.float32)
    codes, scale = weight_parameters(values, per_channel=True)
    assert scale == pytest.approx([0.01, 0.02])
    assert codes.tolist() == [[127, -25], [0, 127], [0, 0]]
    codes, scale = weight_parameters(values, per_channel=False)
    assert (scale, codes[0, 0]) == (pytest.approx(0.02), 64)  # 63.5 to even


def test_groups_of_four_bits_by_hand():
    """The value of largest size is met exactly, so is zero; scales are it over -8."""
    values = np.array([[0.8, -0.1, 0.0, 0.35, -1.6, 0.2]], np.float32)
    codes, scales = blocks(values, 4)
    assert scales.tolist() == [pytest.approx([-0.1, 0.2])]
    assert codes.tolist() == [[[0, 9, 8, 4], [0, 9, 8, 8]]]  # 0.35 / -0.1 = -3.5 to even; the second group is padded
    assert pack(codes).tolist() == [[[0 | 9 << 4, 8 | 4 << 4], [0 | 9 << 4, 8 | 8 << 4]]]


@pytest.mark.parametrize("size", [16, 32])
def test_the_error_of_a_group_is_at_most_its_step(size):
    """Half a step, but a whole one opposite to the largest value, where 15 - 8 = 7 steps are all there are."""
    values = np.random.default_rng(0).normal(size=(7, 50)).astype(np.float32)
    codes, scales = blocks(values, size)
    back = ((codes.astype(np.float32) - 8) * scales[..., None]).reshape(7, -1)[:, :50]
    steps = np.repeat(np.abs(scales), size, axis=1)[:, :50]
    assert (np.abs(back - values) <= steps * STEP).all()
    assert np.median(np.abs(back - values) / steps) < 0.3


def test_ranges_of_a_histogram_by_hand():
    counts = np.array([1, 1, 1, 7, 7, 1, 1, 1.0])  # eight bins from -4 to 4, of 20 values; 10 % go on either side
    assert percentile_range(counts, (-4, 4), 80) == pytest.approx((-2, 2))
    assert percentile_range(counts, (0, 8), 80) == pytest.approx((0, 6))
    assert percentile_range(np.array([0, 1.0]), (0, 2), 90) == pytest.approx((0, 1.95))


def test_the_entropy_method_cuts_a_lonely_outlier_and_no_plateau():
    even = np.ones(2048)
    assert entropy_range(even, (-1, 1)) == pytest.approx((-1, 1), abs=0.05)
    normal = np.histogram(np.random.default_rng(0).normal(size=200_000), 2048, (-40, 40))[0].astype(float)
    normal[-1] = 1  # at 40 standard deviations
    low, high = entropy_range(normal, (-40, 40))
    assert 2.5 < high < 12
    assert low == -high


@pytest.fixture(scope="module", params=["bert", "mpnet"])
def floats(request, tiny, save, tmp_path_factory):
    folder = save(tiny(request.param), tmp_path_factory.mktemp("float"))
    from edgemin.deploy.onnx_export import export_checkpoint

    export_checkpoint(folder, {})
    return folder


@pytest.fixture(scope="module")
def batches(data, source):
    return sampled(read_examples(data, "train", source, 16), 64, 0)


def test_every_linear_layer_has_a_range_and_padding_none(tiny, batches):
    model = tiny()
    config = Int8Static(scheme="int8_static", backend="onnxruntime")
    found = input_ranges(model, batches, config)
    assert set(found) == {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    seen = torch.cat([hidden(model, batch)[batch["inputs"]["attention_mask"].bool()] for batch in batches])
    assert found["bert.encoder.layer.0.attention.self.query"] == pytest.approx((float(seen.min()), float(seen.max())), rel=1e-6)
    narrow = input_ranges(model, batches, config.model_copy(update={"calibration": "percentile", "percentile": 90.0}))
    for name, (low, high) in narrow.items():
        assert found[name][0] <= low <= 0 <= high <= found[name][1]
    assert sum(high - low for low, high in narrow.values()) < 0.9 * sum(high - low for low, high in found.values())


def hidden(model, batch) -> torch.Tensor:
    with torch.no_grad():
        return model.bert.embeddings(input_ids=batch["inputs"]["input_ids"], token_type_ids=batch["inputs"]["token_type_ids"])


@pytest.mark.parametrize("calibration", ["minmax", "percentile", "entropy"])
def test_static_int8_answers_nearly_as_the_float_graph(floats, data, tmp_path, calibration):
    wanted = spec(scheme="int8_static", backend="onnxruntime", calibration=calibration, sentences=64)
    quantize(floats, tmp_path, data, wanted)
    inputs = arrays(checkpoint.load(floats))
    difference = np.abs(open_model(tmp_path, "onnxruntime", 1)(inputs) - open_model(floats, "onnxruntime", 1)(inputs)).max()
    assert 0 < difference < {"minmax": 0.15, "percentile": 0.3, "entropy": 1.0}[calibration]
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.onnx",
        "config.json",
        *TOKENIZER_FILES,
        "provenance.json",
    }


def test_static_int8_becomes_integer_kernels_and_its_weights_reload(floats, data, tmp_path):
    quantize(floats, tmp_path, data, spec(scheme="int8_static", backend="onnxruntime", sentences=64))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(tmp_path / "model.onnx", options, providers=["CPUExecutionProvider"])
    found = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    linear = sum(isinstance(module, torch.nn.Linear) for module in checkpoint.load(floats).modules())
    assert [name for name in found if name in ("MatMul", "Gemm", "FusedGemm")] == ["MatMul"] * 2  # attention times values
    assert found.count("MatMulIntegerToFloat") == linear - 2
    assert found.count("DynamicQuantizeMatMul") == 2  # the head
    model = checkpoint.load(floats)
    stands_for = reference(model, onnx.load(tmp_path / "model.onnx"))
    tables = [name for name in stands_for if "embeddings" in name or "relative_attention_bias" in name]
    assert len(stands_for) - len(tables) == linear
    for name, weight in stands_for.items():
        own = model.state_dict()[name]
        step = (own.max() - own.min() if name in tables else own.abs().amax(1, keepdim=True)) / 127
        assert ((weight - own).abs() <= step * STEP).all(), name


def test_layers_that_are_skipped_stay_floats(floats, data, tmp_path):
    base = next(name for name in ("bert", "mpnet") if (floats / "config.json").read_text().count(f'"{name}"'))
    skip = ["layer.1"]
    quantize(floats, tmp_path / "static", data, spec(scheme="int8_static", backend="onnxruntime", sentences=64, skip=skip))
    quantize(floats, tmp_path / "dynamic", None, spec(backend="onnxruntime", skip=skip))
    for kind in ("static", "dynamic"):
        names = {tensor.name for tensor in onnx.load(tmp_path / kind / "model.onnx").graph.initializer}
        quantized = {name for name in names if name.endswith("_quantized")}
        assert [name for name in quantized if f"{base}.encoder.layer.0." in name], kind
        assert not [name for name in quantized if f"{base}.encoder.layer.1." in name], kind


@pytest.mark.parametrize(
    ("wanted", "module", "expected"),
    [
        (["layer.1"], "bert.encoder.layer.1.output.dense", True),
        (["layer.1"], "bert.encoder.layer.11.output.dense", False),
        (["output.dense"], "bert.encoder.layer.1.output.dense", True),
        ([], "bert.encoder.layer.1.output.dense", False),
    ],
)
def test_what_is_skipped(wanted, module, expected):
    assert skips(wanted, module) is expected


def test_too_few_sentences_are_refused(floats, data, tmp_path):
    with pytest.raises(EdgeminError, match=r"sentences: 5000 to calibrate on, but the training split of .* has 96; lower it"):
        quantize(floats, tmp_path / "out", data, spec(scheme="int8_static", backend="onnxruntime", sentences=5000))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("linear", "embeddings"), [(4, 4), (4, 32), (32, 4), (8, 4), (4, 8)])
def test_four_bit_graphs_compute_what_their_groups_stand_for(floats, tmp_path, linear, embeddings):
    """Against PyTorch with the same rounded weights. 8-bit parts and the kernel's 8-bit activations cost a little more."""
    quantize(
        floats, tmp_path, None, spec(scheme="int4", backend="onnxruntime", linear=linear, embeddings=embeddings, block_size=16)
    )
    model = checkpoint.load(floats)
    stands_for = reference(model, onnx.load(tmp_path / "model.onnx"))
    four = [name for name in stands_for if ("embeddings" in name) == (embeddings == 4) or (linear == embeddings == 4)]
    assert four
    model.load_state_dict({**model.state_dict(), **stands_for})
    with torch.no_grad():
        expected = model(**random_inputs(model, 3, 9, seed=2)).logits.numpy()
    found = open_model(tmp_path, "onnxruntime", 1)(arrays(model))
    exact = linear == 32
    assert np.abs(found - expected).max() < (1e-4 if exact else 0.15)


def test_size_counts_four_bit_weights(floats, tmp_path):
    quantize(floats, tmp_path, None, spec(scheme="int4", backend="onnxruntime", block_size=16))
    size = measure_size(tmp_path, "onnxruntime", floats)
    model = checkpoint.load(floats)
    assert size["logical"] == sum(parameter.numel() for parameter in model.state_dict().values())
    assert 0.8 * size["logical"] < size["nonzero"] < size["logical"]  # a value in sixteen or so rounds to zero
    assert size["files"]["model.onnx"] < read_json_size(floats)


def read_json_size(folder) -> int:
    return (folder / "model.onnx").stat().st_size


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_comes_back_to_the_bit(tiny, save, tmp_path, family):
    folder = save(tiny(family), tmp_path / "float")
    quantize(folder, tmp_path / "bf16", None, spec(scheme="bf16", backend="torch"))
    model = checkpoint.load(folder).to(torch.bfloat16)
    with torch.no_grad():
        expected = model(**random_inputs(model, 3, 9, seed=2)).logits.float().numpy()
    found = open_model(tmp_path / "bf16", "torch", 1)(arrays(model))
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert (tmp_path / "bf16/model.safetensors").stat().st_size < 0.7 * (folder / "model.safetensors").stat().st_size
    assert read_json(tmp_path / "bf16/config.json")["edgemin_quantization"]["scheme"] == "bf16"
    size = measure_size(tmp_path / "bf16", "torch", folder)
    assert size["naive"] == size["logical"] == sum(parameter.numel() for parameter in model.parameters())
    assert 0.99 * size["logical"] < size["nonzero"] <= size["logical"]


def test_gemms_become_products_and_sums(tiny, tmp_path):
    model = tiny()
    export(model, tmp_path / "float.onnx")
    graph = read_graph(tmp_path / "float.onnx")
    before = {node.op_type for node in graph.graph.node}
    split_gemms(graph)
    assert "Gemm" in before
    assert "Gemm" not in {node.op_type for node in graph.graph.node}
    onnx.save(graph, tmp_path / "split.onnx")
    runs = [
        onnxruntime.InferenceSession(tmp_path / f"{name}.onnx", providers=["CPUExecutionProvider"]) for name in ("float", "split")
    ]
    one, other = (run.run(None, arrays(model))[0] for run in runs)
    assert np.abs(one - other).max() < 1e-5
    assert len(linear_layers(graph)) == sum(isinstance(module, torch.nn.Linear) for module in model.modules())
    assert [table.module.split(".")[-1] for table in embedding_tables(graph)] == [
        "word_embeddings",
        "token_type_embeddings",
        "position_embeddings",
    ]


@pytest.mark.parametrize(
    "variant",
    [
        {"scheme": "int4", "backend": "onnxruntime", "linear": 8, "embeddings": 32},
        {"scheme": "int4", "backend": "torch"},
        {"scheme": "bf16", "backend": "onnxruntime"},
        {"scheme": "int8_static", "backend": "torch"},
        {"scheme": "int8_static", "backend": "onnxruntime", "sentences": 4},
        {"scheme": "int2", "backend": "onnxruntime"},
        {"backend": "torch", "skip": ["layer.1"]},
    ],
)
def test_what_cannot_be_is_refused(variant):
    with pytest.raises(ValidationError):
        TypeAdapter(AnyQuantize).validate_python(variant)


def test_every_scheme_names_its_module():
    assert Int8Dynamic(backend="torch").module == "torch_dynamic"
    assert Int4(scheme="int4", backend="onnxruntime").module == onnxruntime_int4.__name__.rsplit(".", 1)[1]
    assert Int8Static(scheme="int8_static", backend="onnxruntime").module == onnxruntime_static.__name__.rsplit(".", 1)[1]
    assert Int8Dynamic(backend="onnxruntime").module == onnxruntime_dynamic.__name__.rsplit(".", 1)[1]
    assert BFloat16(scheme="bf16", backend="torch").module == "torch_bf16"


@pytest.mark.parametrize(
    ("module", "kind", "part"),
    [
        ("bert.encoder.layer.10.attention.self.query", "bert", "layer 10 attention"),
        ("bert.encoder.layer.1.attention.output.dense", "bert", "layer 1 attention"),
        ("bert.encoder.layer.1.output.dense", "bert", "layer 1 ffn"),
        ("mpnet.encoder.layer.3.attention.attn.o", "mpnet", "layer 3 attention"),
        ("distilbert.transformer.layer.2.ffn.lin1", "distilbert", "layer 2 ffn"),
        ("bert.pooler.dense", "bert", "head"),
        ("classifier", "bert", "head"),
    ],
)
def test_parts_of_a_model(module, kind, part):
    assert part_of(module, {"model_type": kind}) == part


def test_divergence_by_hand():
    half, third = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    assert divergence(half, third + 3) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    assert divergence(half, half) == pytest.approx(0)
    assert divergence(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])) == 2.5
