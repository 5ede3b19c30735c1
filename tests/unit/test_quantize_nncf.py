"""Static INT8 by NNCF: files, answers, and weights that are found under their names."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from graphs import openvino_answers
from safetensors.numpy import load_file

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256
from edgemin.core.provenance import check_provenance
from edgemin.data.tokenizing import write_tokens
from edgemin.data.tokens import Tokens
from edgemin.encoders.onnx_export import export_checkpoint
from edgemin.encoders.surgery import keep_heads
from edgemin.measure.size import measure as measure_size
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.int8_nncf import in_openvino
from edgemin.runtimes.openvino.stored import nonzero
from edgemin.study.registry import FAMILIES
from edgemin.study.runtime import TOKENIZER_FILES, open_model
from edgemin.study.variants import quantize_variant

CUT = ((0, 2, 3), (1,))
SENTENCES = 40


def spec(**keys) -> dict:
    return {"variant": quantize_variant({"scheme": "int8_nncf", "sentences": SENTENCES, **keys}).model_dump(), "seed": 0}


@pytest.fixture(scope="module", params=FAMILIES.names())
def made(request, tiny, save, data, tmp_path_factory):
    """Of each family: folders of a cut float model and of what the scheme makes of it, and the training split's tokens."""
    model = tiny(request.param)
    keep_heads(model, CUT)
    parent = save(model, tmp_path_factory.mktemp("float"))
    export_checkpoint(parent, {})
    out, train = tmp_path_factory.mktemp("int8"), tmp_path_factory.mktemp("tokens") / "train.arrow"
    write_tokens(data / "train.arrow", parent, 16, train)
    quantize(QuantizeInputs(parent, out, spec(), train))
    return parent, out, train


def constants(folder: Path) -> list[tuple[str, np.ndarray]]:
    """(name, values) of all int8 matrices, read from the two files by hand."""
    weights, found = (folder / "model.bin").read_bytes(), []
    for layer in ElementTree.parse(folder / "model.xml").getroot().iter("layer"):
        about = layer.find("data")
        if layer.get("type") == "Const" and about.get("element_type") == "i8":
            shape = [int(size) for size in about.get("shape").split(",")]
            start, size = int(about.get("offset")), int(about.get("size"))
            if len(shape) == 2:
                found.append((layer.get("name"), np.frombuffer(weights[start : start + size], np.int8).reshape(shape)))
    return found


def test_it_writes_a_graph_with_provenance(made):
    parent, out, train = made
    assert {path.name for path in out.iterdir()} == {"model.xml", "model.bin", "config.json", *TOKENIZER_FILES, "provenance.json"}
    told = check_provenance(out)
    assert told["spec"] == spec()
    assert told["parents"] == {path.as_posix(): sha256(path) for path in (parent / "model.onnx", train)}
    assert {"openvino", "nncf"} <= set(told["versions"])
    assert read_json(out / "config.json")["edgemin_quantization"] == spec()["variant"]


def test_it_answers_nearly_as_the_float_graph_and_apart_from_its_neighbours(made):
    parent, out, train = made
    tokens = Tokens.read(train, parent)
    inputs = tokens.batch(range(32))
    program = open_model(out, "openvino", 1)
    found, plain = program(inputs), open_model(parent, "openvino", 1)(inputs)
    assert (found.shape, found.dtype) == ((32, 2), np.float32)
    for answered in openvino_answers(out, inputs).values():
        assert 0 < np.abs(answered - plain).max() < 0.15  # as for static INT8 in ONNX Runtime
    alone = np.concatenate([program(tokens.batch([index])) for index in range(4)])
    np.testing.assert_allclose(found[:4], alone, rtol=0, atol=1e-5)


def test_every_matrix_is_found_under_the_name_of_its_parameter(made):
    """Once, turned or not. Signs are those of the parameter: rounding and what SmoothQuant moves between layers change none."""
    parent, out, _ = made
    floats = {name: values for name, values in load_file(parent / "model.safetensors").items() if values.ndim == 2}
    counts = nonzero(out, {name: values.size for name, values in floats.items()})
    stored = constants(out)
    assert sorted(name.removesuffix(".T") for name, _ in stored) == sorted(floats)
    assert set(counts) == set(floats)
    for name, codes in stored:
        values = floats[name.removesuffix(".T")]
        turned = codes.T if name.endswith(".T") else codes
        assert turned.shape == values.shape
        assert counts[name.removesuffix(".T")] == np.count_nonzero(codes)
        assert (turned * values >= 0).all(), name
        assert np.count_nonzero(turned) > values.size / 2, name


def test_its_size_counts_what_is_stored(made):
    parent, out, _ = made
    floats = load_file(parent / "model.safetensors")
    size = measure_size(out, "openvino", parent)
    zeros = sum(codes.size - np.count_nonzero(codes) for _, codes in constants(out))
    assert size["logical"] == sum(values.size for values in floats.values())
    assert size["nonzero"] == size["logical"] - zeros
    assert 0 < zeros < 0.1 * size["logical"]
    assert size["naive"] is None
    assert size["files"] == {name: (out / name).stat().st_size for name in ("model.xml", "model.bin", "tokenizer.json")}
    assert (out / "model.bin").stat().st_size < 0.7 * (parent / "model.safetensors").stat().st_size


def test_a_float_graphs_weights_are_counted_in_openvino_too(exported):
    floats = load_file(exported / "model.safetensors")
    counts = nonzero(exported, {name: values.size for name, values in floats.items()})
    matrices = {name for name, values in floats.items() if values.ndim == 2}
    assert matrices <= set(counts)
    assert all(counts[name] == np.count_nonzero(floats[name]) for name in counts)


def seen(monkeypatch, parent: Path, out: Path, tokens: Path, **keys) -> list[list[int]]:
    """The ids of the sentences that NNCF is given."""
    given = []

    def quantized(model, examples):
        given.extend(example["input_ids"][0].tolist() for example in examples)
        return model

    monkeypatch.setattr(in_openvino, "quantized", quantized)
    quantize(QuantizeInputs(parent, out, spec(**keys), tokens))
    return given


def test_sentences_are_drawn_by_the_seed_and_all_are_read_if_there_are_fewer(exported, tokens, tmp_path, monkeypatch):
    texts = Tokens.read(tokens / "train.arrow")
    order = np.random.default_rng(0).permutation(96).tolist()
    few = seen(monkeypatch, exported, tmp_path / "few", tokens / "train.arrow", sentences=8)
    assert few == [texts[index]["input_ids"].tolist() for index in order[:8]]
    everything = seen(monkeypatch, exported, tmp_path / "all", tokens / "train.arrow", sentences=300)
    assert sorted(everything) == sorted(texts[index]["input_ids"].tolist() for index in range(96))


def test_a_corrupt_graph_is_not_quantized(exported, tokens, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / "model.onnx").write_bytes((exported / "model.onnx").read_bytes()[:-9])
    with pytest.raises(EdgeminError, match=f"^{folder}/model.onnx: its sha256 differs from onnx_provenance.json"):
        quantize(QuantizeInputs(folder, tmp_path / "out", spec(), tokens / "train.arrow"))
    assert not (tmp_path / "out").exists()


def test_defaults_are_those_of_nncf():
    variant = quantize_variant({"scheme": "int8_nncf"})
    assert (variant.backend, variant.sentences, variant.reads_data, variant.trains) == ("openvino", 300, True, False)
    assert quantize_variant({"scheme": "int8_nncf", "sentences": 64}).details == "sentences 64"
