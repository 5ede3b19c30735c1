from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.measure import size
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.int8_dynamic import Int8Dynamic, in_torch
from edgemin.runtimes.torch import stored

V, P, D, M, WIDTHS = 100, 48, 16, 24, (12, 4)  # vocabulary, positions, width, FFN, attention widths after the cut
LOGICAL = {
    "embeddings": (V + P + 2) * D + 2 * D,
    "attention": sum(4 * D * w + 3 * w + D + 2 * D for w in WIDTHS),
    "ffn": 2 * (2 * D * M + M + D + 2 * D),
    "rest": D * D + D + 2 * D + 2,
}
LINEAR = sum(4 * D * w + 3 * w + D for w in WIDTHS) + 2 * (2 * D * M + M + D) + LOGICAL["rest"]
TOTAL = sum(LOGICAL.values())


@pytest.fixture(scope="module")
def int8(exported, tmp_path_factory):
    """Folders of the exported model in INT8, by runtime."""
    folders = {"torch": tmp_path_factory.mktemp("torch"), "onnxruntime": tmp_path_factory.mktemp("onnxruntime")}
    for backend, folder in folders.items():
        quantize(QuantizeInputs(exported, folder, {"variant": Int8Dynamic(backend=backend).model_dump()}))
    return folders


def nonzero(weights: dict, runtime: str) -> int:
    """What is left when a weight becomes an integer: w / scale rounds to 0 up to a half.

    torch: Linear weights, per row, symmetric, max|w| / 127.5. ONNX Runtime: those, max|w| / 127; tables, one
    asymmetric scale, (max - min) / 255.
    """
    count = 0
    for name, weight in weights.items():
        steps = torch.zeros(())
        if weight.dim() == 2 and "embeddings" not in name:
            steps = weight.abs().amax(1, keepdim=True) / (127.5 if runtime == "torch" else 127)
        elif weight.dim() == 2 and runtime == "onnxruntime":
            steps = (weight.max() - weight.min()) / 255
        count += int((weight.abs() > steps / 2).sum())
    return count


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_a_float_model_is_its_dense_shapes(exported, runtime):
    """Heads that were cut do not count; every random weight is there, and none is zero."""
    found = size.measure(exported, runtime, exported)
    assert {name: counts["logical"] for name, counts in found["components"].items()} == LOGICAL
    assert {name: counts["nonzero"] for name, counts in found["components"].items()} == LOGICAL
    assert (found["logical"], found["nonzero"], found["naive"]) == (TOTAL, TOTAL, TOTAL if runtime == "torch" else None)
    assert sum(parameter.numel() for parameter in checkpoint.load(exported).parameters()) == TOTAL


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_int8_weights_count_and_some_become_zero(exported, int8, runtime):
    """In the two prepared weights, all but the first column: 12 * 15 and 2 * 15 values."""
    found = size.measure(int8[runtime], runtime, exported)
    assert {name: counts["logical"] for name, counts in found["components"].items()} == LOGICAL
    expected = nonzero(load_file(exported / "model.safetensors"), runtime)
    assert found["nonzero"] == expected <= TOTAL - 12 * 15 - 2 * 15


def test_the_naive_count_is_what_torch_says_of_the_packed_model(exported, int8):
    """Linear weights and biases vanish from it, though none is gone."""
    packed = in_torch.load(int8["torch"])
    said = sum(parameter.numel() for parameter in packed.parameters())
    assert stored.naive(int8["torch"]) == size.measure(int8["torch"], "torch", exported)["naive"] == said == TOTAL - LINEAR


@pytest.mark.parametrize(
    ("runtime", "names"),
    [("torch", ["model.safetensors", "config.json", "tokenizer.json"]), ("onnxruntime", ["model.onnx", "tokenizer.json"])],
)
def test_bytes_are_those_of_all_files_that_are_needed(exported, int8, runtime, names):
    for folder in (exported, int8[runtime]):
        found = size.measure(folder, runtime, exported)
        contents = {name: (folder / name).read_bytes() for name in names}
        assert found["files"] == {name: len(content) for name, content in contents.items()}
        assert found["bytes"] == sum(map(len, contents.values()))
        assert found["compressed"] == sum(len(gzip.compress(content, 6, mtime=0)) for content in contents.values())


def test_a_six_layer_minilm_before_and_after_int8(save, tmp_path):
    """MiniLM L6-H384: 22,713,986 parameters, of which 10,786,178 are Linear; torch's dynamic INT8 leaves 11,927,808 for
    `sum(p.numel())`, and yet every weight is in use. All weights are one, so that none rounds to zero."""
    shape = {
        "vocab_size": 30522,
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
    }
    model = checkpoint.build(BertConfig(**shape))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1)
    assert sum(parameter.numel() for parameter in model.parameters()) == 22_713_986
    packed = in_torch.pack(model, per_channel=True)
    assert sum(parameter.numel() for parameter in packed.parameters()) == 11_927_808 == 22_713_986 - 10_786_178
    save(model, tmp_path / "float")
    (tmp_path / "int8").mkdir()
    in_torch.save(packed, tmp_path / "int8", Int8Dynamic(backend="torch"))
    (tmp_path / "int8" / "tokenizer.json").write_text("{}")
    found = size.measure(tmp_path / "int8", "torch", tmp_path / "float")
    assert (found["naive"], found["logical"], found["nonzero"]) == (11_927_808, 22_713_986, 22_713_986)
    assert found["components"]["embeddings"]["logical"] == 11_917_824 + 2 * 384  # the tables and their LayerNorm
    # Four bytes a float and one an int8 weight; scales, zero points, names and the config are the rest, some 0.3 %.
    weights = 4 * 11_927_808 + 10_786_178
    assert weights < found["bytes"] < 1.01 * weights


def test_unreadable_weights_are_named(exported, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"{}")
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/model.safetensors: not a readable safetensors file"):
        size.measure(tmp_path, "torch", exported)


def test_zero_points_that_are_not_zero_are_taken_off(exported, int8):
    """Embedding tables are asymmetric in ONNX Runtime: a value is zero where its integer is the zero point."""
    import onnx
    from onnx import numpy_helper

    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(int8["onnxruntime"] / "model.onnx").graph.initializer}
    name = "bert.embeddings.word_embeddings.weight"
    table = load_file(exported / "model.safetensors")[name].numpy()
    integers, scale, zero = (tensors[f"{name}_{kind}"] for kind in ("quantized", "scale", "zero_point"))
    assert zero != 0
    assert np.abs((integers.astype(np.float64) - zero) * scale - table).max() <= scale * (0.5 + 1e-5)
    assert np.count_nonzero(integers != zero) == nonzero({name: torch.from_numpy(table)}, "onnxruntime")
