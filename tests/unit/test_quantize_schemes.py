"""Static INT8, 4-bit groups and bfloat16."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from graphs import answers
from onnx import numpy_helper
from pydantic import TypeAdapter, ValidationError

from edgemin.core.files import read_json
from edgemin.data.tokenizing import write_tokens
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import export, export_checkpoint, random_inputs
from edgemin.measure.size import measure as measure_size
from edgemin.methods.quantize.graphs import embedding_tables, linear_layers, read_graph, split_gemms
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize as quantize_given
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic
from edgemin.study.linear_layers import skips
from edgemin.study.registry import FAMILIES, SCHEMES
from edgemin.study.runtime import TOKENIZER_FILES, open_model
from edgemin.study.variants import AnyQuantize, quantize_variant

STEP = 1.001  # rounding of float32 on top of half a step


def arrays(model, seed: int = 2) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in random_inputs(model, 3, 9, seed).items()}


def spec(**variant) -> dict:
    return {"variant": TypeAdapter(AnyQuantize).validate_python(variant).model_dump(), "seed": 0}


def quantize(parent, out, tokens, spec) -> None:
    quantize_given(QuantizeInputs(parent, out, spec, tokens))


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


@pytest.fixture(scope="module", params=["bert", "mpnet"])
def floats(request, tiny, save, tmp_path_factory):
    folder = save(tiny(request.param), tmp_path_factory.mktemp("float"))
    export_checkpoint(folder, {})
    return folder


@pytest.fixture(scope="module")
def train(floats, data, tmp_path_factory):
    """Tokens of the training split for that model."""
    file = tmp_path_factory.mktemp("tokens") / "train.arrow"
    write_tokens(data / "train.arrow", floats, 16, file)
    return file


@pytest.mark.parametrize("calibration", ["minmax", "percentile", "entropy"])
def test_static_int8_answers_nearly_as_the_float_graph(floats, train, tmp_path, calibration):
    wanted = spec(scheme="int8_static", backend="onnxruntime", calibration=calibration, sentences=64)
    quantize(floats, tmp_path, train, wanted)
    inputs = arrays(checkpoint.load(floats))
    plain = open_model(floats, "onnxruntime", 1)(inputs)
    assert open_model(tmp_path, "onnxruntime", 1)(inputs).shape == plain.shape
    for answered in answers(tmp_path, inputs).values():
        assert 0 < np.abs(answered - plain).max() < {"minmax": 0.15, "percentile": 0.3, "entropy": 1.0}[calibration]
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.onnx",
        "config.json",
        *TOKENIZER_FILES,
        "provenance.json",
    }


def test_static_int8_becomes_integer_kernels_and_its_weights_reload(floats, train, tmp_path):
    quantize(floats, tmp_path, train, spec(scheme="int8_static", backend="onnxruntime", sentences=64))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(tmp_path / "model.onnx", options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    found = [node.op_type for node in nodes]
    linear = sum(isinstance(module, torch.nn.Linear) for module in checkpoint.load(floats).modules())
    assert found.count("MatMul") == 2  # attention times values
    assert found.count("Gemm") + found.count("FusedGemm") == 2  # the head
    assert [len(node.input) for node in nodes if node.op_type == "MatMulIntegerToFloat"] == [7] * (
        linear - 2
    )  # the last is the bias
    assert found.count("QuantizeLinear") == 2 * 4  # query, key and value share one; output; both of the FFN
    assert not [name for name in found if name.startswith("Dynamic")]
    model = checkpoint.load(floats)
    stands_for = reference(model, onnx.load(tmp_path / "model.onnx"))
    tables = [name for name in stands_for if "embeddings" in name or "relative_attention_bias" in name]
    assert len(stands_for) - len(tables) == linear - 2
    for name, weight in stands_for.items():
        own = model.state_dict()[name]
        step = (own.max() - own.min() if name in tables else own.abs().amax(1, keepdim=True)) / 127
        assert ((weight - own).abs() <= step * STEP).all(), name


def test_layers_that_are_skipped_stay_floats(floats, train, tmp_path):
    base = next(name for name in ("bert", "mpnet") if (floats / "config.json").read_text().count(f'"{name}"'))
    skip = ["layer.1"]
    quantize(floats, tmp_path / "static", train, spec(scheme="int8_static", backend="onnxruntime", sentences=64, skip=skip))
    quantize(floats, tmp_path / "dynamic", None, spec(backend="onnxruntime", skip=skip))
    for kind in ("static", "dynamic"):
        names = {tensor.name for tensor in onnx.load(tmp_path / kind / "model.onnx").graph.initializer}
        quantized = {name for name in names if name.endswith("_quantized")}
        assert [name for name in quantized if f"{base}.encoder.layer.0." in name], kind
        assert not [name for name in quantized if f"{base}.encoder.layer.1." in name], kind


def test_the_head_can_be_skipped_too(floats, train, tmp_path):
    """Its layers are Gemm in the graph, the others MatMul. MPNet's are classifier.dense and classifier.out_proj, BERT's the pooler's too.
    Static INT8 leaves them in floats anyway."""
    skip = ["classifier"] if '"mpnet"' in (floats / "config.json").read_text() else ["pooler", "classifier"]
    quantize(floats, tmp_path / "static", train, spec(scheme="int8_static", backend="onnxruntime", sentences=64, skip=skip))
    quantize(floats, tmp_path / "dynamic", None, spec(backend="onnxruntime", skip=skip))
    for kind in ("static", "dynamic"):
        names = {tensor.name for tensor in onnx.load(tmp_path / kind / "model.onnx").graph.initializer}
        head = {name for name in names if ("pooler" in name or "classifier" in name) and "weight" in name}
        assert len(head) == 2, kind
        assert not [name for name in head if name.endswith("_quantized")], kind


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


def test_too_few_sentences_are_all_of_them(floats, train, tmp_path, caplog):
    """The same graph as with the number that there is; the log says so."""
    caplog.set_level("INFO")
    for count in (96, 5000):
        quantize(floats, tmp_path / str(count), train, spec(scheme="int8_static", backend="onnxruntime", sentences=count))
    assert (tmp_path / "96/model.onnx").read_bytes() == (tmp_path / "5000/model.onnx").read_bytes()
    assert [record.message for record in caplog.records if "sentences" in record.message] == [
        "sentences: 5000 requested, 96 available: all of them are read"
    ]


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


@pytest.mark.parametrize("family", FAMILIES.names())
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
        {"scheme": "int8_nncf", "backend": "onnxruntime"},
        {"scheme": "int8_nncf", "sentences": 4},
        {"backend": "torch", "skip": ["layer.1"]},
    ],
)
def test_what_cannot_be_is_refused(variant):
    with pytest.raises(ValidationError):
        TypeAdapter(AnyQuantize).validate_python(variant)


@pytest.mark.parametrize(
    ("scheme", "backend"),
    [(name, backend) for name, one in SCHEMES.all().items() for backend in one.model_fields["backend"].annotation.__args__],
)
def test_every_scheme_has_a_module_for_each_backend(monkeypatch, scheme, backend):
    """And goes there, with the settings and what is given."""
    said = []
    module = import_module(f"{SCHEMES.module(scheme)}.in_{backend}")
    for name in ("quantize_folder", "quantize_aware"):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, lambda *given: said.append(given))
    learn = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 8, "terms": [{"objective": "labels"}]}
    variant = {"scheme": scheme, "backend": backend, **({"learn": learn} if SCHEMES[scheme].trains else {})}
    given = QuantizeInputs(Path("parent"), Path("out"), {"variant": variant})
    quantize_given(given)
    assert said == [(quantize_variant(variant), given)]
    assert quantize_variant(variant).scheme == scheme


def test_a_variant_without_a_scheme_is_dynamic():
    assert quantize_variant({"backend": "torch"}) == Int8Dynamic(backend="torch")
