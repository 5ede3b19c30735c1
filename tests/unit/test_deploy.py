from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import check_provenance
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import TOLERANCE, export, largest_difference, random_inputs
from edgemin.encoders.surgery import drop_sublayers, keep_heads

SHAPES = [(1, 1), (1, 2), (1, 40), (4, 7), (7, 31)]  # none of those that the export itself tries
CUT = ((0, 2, 3), (1,))


@pytest.fixture(scope="module")
def mpnet(tiny, tmp_path_factory):
    """A cut MPNet, whose position bias per head depends on the length, and its graph."""
    model = tiny("mpnet")
    keep_heads(model, CUT)
    file = tmp_path_factory.mktemp("mpnet") / "model.onnx"
    export(model, file)
    return model, file


@pytest.fixture(params=["bert", "mpnet"])
def graph(request, exported, mpnet):
    return (checkpoint.load(exported), exported / "model.onnx") if request.param == "bert" else mpnet


@pytest.mark.parametrize(("batch", "length"), SHAPES)
def test_the_graph_gives_pytorchs_logits_at_any_shape(graph, batch, length):
    """Of cut models, with padding; float32 in another order of additions: far below the 1e-4 that the export allows."""
    model, file = graph
    inputs = random_inputs(model, batch, length, seed=batch * length)
    with torch.no_grad():
        ours = model(**inputs).logits.numpy()
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    theirs = session.run(["logits"], {name: values.numpy() for name, values in inputs.items()})[0]
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=TOLERANCE)


def test_the_graph_says_nothing_of_the_machine_that_wrote_it(graph):
    """The exporter notes call stacks, paths included, at every node."""
    written = graph[1].read_bytes()
    assert b"site-packages" not in written
    assert str(Path.cwd()).encode() not in written
    assert not any(node.metadata_props for node in onnx.load(graph[1]).graph.node)


def test_the_graph_has_one_input_per_tensor_and_keeps_the_names_of_its_weights(graph):
    model, file = graph
    proto = onnx.load(file)
    named = ["input_ids", "attention_mask", *(["token_type_ids"] if model.config.model_type == "bert" else [])]
    assert [value.name for value in proto.graph.input] == named
    tensors = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            found = [tensors.get(name), tensors.get(f"{name}.T", ())[::-1] or None]
            assert tuple(parameter.shape) in found, name
    assert sorted(path.name for path in file.parent.iterdir() if "onnx" in path.name and path.name != "onnx_provenance.json") == [
        "model.onnx"
    ]


def test_a_graph_of_other_weights_is_noticed(exported):
    model = checkpoint.load(exported)
    assert largest_difference(model, exported / "model.onnx") <= TOLERANCE
    with torch.no_grad():
        model.classifier.bias += 1
    assert largest_difference(model, exported / "model.onnx") == pytest.approx(1, abs=1e-4)


def test_an_export_that_is_off_is_refused(tiny, tmp_path, monkeypatch):
    """By a tolerance below zero: nothing is good enough."""
    monkeypatch.setattr("edgemin.encoders.onnx_export.TOLERANCE", -1.0)
    with pytest.raises(EdgeminError, match=f"^{tmp_path}/model.onnx: its logits differ from PyTorch's"):
        export(tiny(num_hidden_layers=1), tmp_path / "model.onnx")


def test_the_export_is_recorded_beside_its_checkpoint(exported):
    found = check_provenance(exported, name="onnx_provenance.json")
    assert list(found["sha256"]) == ["model.onnx"]
    assert list(found["parents"]) == [str(exported / "model.safetensors")]
    assert found["largest_difference"] <= TOLERANCE
    check_provenance(exported)  # the checkpoint's own record still holds


def test_random_inputs_mask_the_second_half_of_all_rows_but_the_first(tiny):
    inputs = random_inputs(tiny("roberta"), 2, 5, seed=0)
    assert inputs["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]
    assert (inputs["input_ids"] == 1).tolist() == [[False] * 5, [False, False, True, True, True]]  # RoBERTa pads with 1


@pytest.mark.parametrize("family", ["bert", "distilbert", "mpnet"])
def test_a_model_without_some_blocks_is_exported(tiny, tmp_path, family):
    model = tiny(family)
    drop_sublayers(model, attention=[0], ffn=[1])
    assert export(model, tmp_path / "model.onnx") <= TOLERANCE
