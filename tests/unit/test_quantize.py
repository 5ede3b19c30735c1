from __future__ import annotations

import copy
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import write_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import random_inputs
from edgemin.encoders.surgery import drop_sublayers, keep_heads
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic, in_onnxruntime, in_torch
from edgemin.study.registry import FAMILIES
from edgemin.study.runtime import CHECKPOINT, open_model
from edgemin.study.structure import Structure

CUT = ((0, 2, 3), (1,))
QUERY = "bert.encoder.layer.1.attention.self.query"


def quantize_folder(parent, out, backend: str, **options) -> None:
    quantize(QuantizeInputs(parent, out, {"variant": Int8Dynamic(backend=backend, **options).model_dump()}))


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(**random_inputs(model, 3, 9, seed=2)).logits


@pytest.fixture(scope="module")
def floats(tiny, save, tmp_path_factory):
    """Checkpoints with cut heads, by family."""
    made = {}
    for family in FAMILIES.names():
        model = tiny(family)
        keep_heads(model, CUT)
        made[family] = save(model, tmp_path_factory.mktemp(family))
    return made


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("family", FAMILIES.names())
def test_torch_int8_comes_back_to_the_bit(floats, tmp_path, family, per_channel):
    packed = in_torch.pack(checkpoint.load(floats[family]), per_channel)
    quantize_folder(floats[family], tmp_path, "torch", per_channel=per_channel)
    loaded = in_torch.load(tmp_path)
    assert Structure.of(loaded.config).heads == CUT
    assert torch.equal(logits(loaded), logits(packed))
    assert {path.name for path in tmp_path.iterdir()} == set(CHECKPOINT)


@pytest.mark.parametrize("per_channel", [True, False])
def test_torch_int8_weights_are_rounded_to_their_scale(floats, tmp_path, per_channel):
    """Symmetric over -128 ... 127: the scale is max|w| / 127.5, and no weight moves by more than half of it."""
    quantize_folder(floats["bert"], tmp_path, "torch", per_channel=per_channel)
    weight = load_file(floats["bert"] / "model.safetensors")[f"{QUERY}.weight"].double()
    stored = load_file(tmp_path / "model.safetensors")
    integers, scale = stored[f"{QUERY}.weight"], stored[f"{QUERY}.weight_scale"]
    assert integers.dtype == torch.int8
    assert not stored[f"{QUERY}.weight_zero_point"].any()
    largest = weight.abs().amax(1) if per_channel else weight.abs().amax()
    torch.testing.assert_close(scale, largest / 127.5, rtol=1e-6, atol=0)  # computed in float32
    steps = scale[:, None] if per_channel else scale
    assert ((integers * steps - weight).abs() <= steps * (0.5 + 1e-5)).all()


def test_torch_int8_answers_are_near_the_float_ones(floats):
    """An int8 weight is off by up to 1/255 of its row's largest, an activation likewise: per cents of logits of order 1."""
    model = checkpoint.load(floats["bert"])
    difference = (logits(in_torch.pack(model, True)) - logits(model)).abs().max()
    assert 0 < difference < 0.1


def test_packing_leaves_the_float_model_alone(tiny):
    model = tiny()
    before = copy.deepcopy(model.state_dict())
    in_torch.pack(model, True)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_a_position_bias_is_cut_in_the_packed_copy_too(tiny):
    """MPNet's copied modules must call themselves, not the model that they were copied from."""
    model = tiny("mpnet")
    keep_heads(model, CUT)
    packed = in_torch.pack(model, True)
    before = logits(packed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(logits(packed), before)


def drop_scale(tensors: dict) -> None:
    del tensors[f"{QUERY}.weight_scale"]


def add_tensor(tensors: dict) -> None:
    tensors["surplus"] = torch.zeros(1)


@pytest.mark.parametrize(
    ("damage", "message"), [(drop_scale, f"lacks '{QUERY}.weight_scale'"), (add_tensor, "do not fit its config.json")]
)
def test_an_int8_file_that_does_not_fit_is_named(floats, tmp_path, damage, message):
    quantize_folder(floats["bert"], tmp_path, "torch")
    tensors = load_file(tmp_path / "model.safetensors")
    damage(tensors)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/model.safetensors: its sha256 differs"):
        in_torch.load(tmp_path)
    write_provenance(tmp_path, spec={})
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/model.safetensors: .*{message}"):
        in_torch.load(tmp_path)


def test_a_float_checkpoint_is_no_int8_one(floats):
    with pytest.raises(EdgeminError, match=f"^{floats['bert']}/config.json: not a torch INT8 checkpoint"):
        in_torch.load(floats["bert"])


@pytest.fixture(scope="module", params=[None, False], ids=["embeddings", "float embeddings"])
def int8(request, exported, tmp_path_factory):
    """The exported model in INT8 of ONNX Runtime: its folder, the `embeddings` asked for, and its initializers."""
    folder = tmp_path_factory.mktemp("int8")
    quantize_folder(exported, folder, "onnxruntime", embeddings=request.param)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(folder / "model.onnx").graph.initializer}
    return folder, request.param, tensors


def test_onnx_int8_loads_and_answers_nearly_as_the_float_graph(exported, int8):
    inputs = {name: values.numpy() for name, values in random_inputs(checkpoint.load(exported), 3, 9, seed=2).items()}
    difference = np.abs(open_model(int8[0], "onnxruntime", 1)(inputs) - open_model(exported, "onnxruntime", 1)(inputs)).max()
    assert 0 < difference < 0.1  # as for torch
    assert {path.name for path in int8[0].iterdir()} == {
        "model.onnx",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "provenance.json",
    }


def test_onnx_int8_weights_are_rounded_to_a_scale_per_output_column(exported, int8):
    """Symmetric over -127 ... 127: max|w| / 127 of each column of the transposed matrix, names kept."""
    weights = load_file(exported / "model.safetensors")
    linear = {name: tensor for name, tensor in weights.items() if "layer." in name and tensor.dim() == 2}
    assert len(linear) == 2 * 6
    for name, tensor in linear.items():
        weight = tensor.T.double().numpy()
        integers, scale, zero = (int8[2][f"{name}.T_{kind}"] for kind in ("quantized", "scale", "zero_point"))
        assert integers.dtype == np.int8
        assert not zero.any()
        np.testing.assert_allclose(scale, np.abs(weight).max(0) / 127, rtol=1e-6)  # float32
        assert (np.abs(integers * scale.astype(np.float64) - weight) <= scale * (0.5 + 1e-5)).all()


def test_embedding_tables_are_quantized_unless_they_are_not_to_be(int8):
    tables = [name for name in int8[2] if "embeddings.weight" in name]
    parts = ["bert.embeddings.position", "bert.embeddings.token_type", "bert.embeddings.word"]
    kinds = ["_quantized", "_scale", "_zero_point"] if int8[1] is None else [""]
    assert sorted(tables) == sorted(f"{part}_embeddings.weight{kind}" for part in parts for kind in kinds)


def test_residuals_and_layer_norms_stay_apart_in_what_the_runtime_makes_of_it(exported, int8, tmp_path):
    """ONNX Runtime's SkipLayerNormalization is slower than its parts: none of it, and as many LayerNormalizations as exported."""
    for name, folder in (("float", exported), ("int8", int8[0])):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / f"{name}.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        wanted = [node.op_type for node in onnx.load(folder / "model.onnx").graph.node].count("LayerNormalization")
        found = [node.op_type for node in onnx.load(tmp_path / f"{name}.onnx").graph.node]
        assert found.count("LayerNormalization") == wanted >= 5
        assert not [name for name in found if "Skip" in name]


def test_a_damaged_graph_is_named(exported, tmp_path):
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/none.onnx: not a readable ONNX model"):
        in_onnxruntime.quantize(tmp_path / "none.onnx", tmp_path / "out.onnx", Int8Dynamic(backend="onnxruntime"))
    (tmp_path / "bad.onnx").write_bytes(b"\xff" * 50)
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/bad.onnx: not a readable ONNX model"):
        in_onnxruntime.quantize(tmp_path / "bad.onnx", tmp_path / "out.onnx", Int8Dynamic(backend="onnxruntime"))
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / "model.onnx").write_bytes((exported / "model.onnx").read_bytes()[:-9])
    with pytest.raises(EdgeminError, match=f"^{folder}/model.onnx: its sha256 differs from onnx_provenance.json"):
        quantize_folder(folder, tmp_path / "out", "onnxruntime")


@pytest.mark.parametrize("family", FAMILIES.names())
def test_a_model_without_some_blocks_is_packed_and_comes_back(tiny, save, tmp_path, family):
    model = tiny(family)
    drop_sublayers(model, attention=[0], ffn=[1])
    folder = save(model, tmp_path / "float")
    quantize_folder(folder, tmp_path / "int8", "torch")
    assert torch.equal(logits(in_torch.load(tmp_path / "int8")), logits(in_torch.pack(model, True)))
