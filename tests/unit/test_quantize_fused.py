"""The graph of `int8_fused` beside that of the plain scheme: the same answers from fewer steps, and what cannot be fused as it was."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper

from edgemin.core.errors import EdgeminError
from edgemin.deploy.across.saturating import saturates
from edgemin.encoders.onnx_export import export, export_checkpoint
from edgemin.encoders.surgery import drop_sublayers, keep_heads
from edgemin.methods.quantize.graphs import read_graph
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.schemes.int4 import in_onnxruntime as int4
from edgemin.methods.schemes.int4_static import Int4Static
from edgemin.methods.schemes.int8_fused import in_onnxruntime as fused
from edgemin.methods.schemes.int8_fused import reverting
from edgemin.methods.schemes.int8_static import in_onnxruntime as plain
from edgemin.runtimes.onnxruntime.run import open_graph
from edgemin.runtimes.onnxruntime.stored import nonzero
from edgemin.study.family import family_of
from edgemin.study.registry import FAMILIES
from edgemin.study.structure import Shape
from edgemin.study.variants import quantize_variant

TEXTS = np.random.default_rng(0).integers(5, 100, (12, 9))
TEXTS[4:, 6:] = 1  # some shorter than others: 1 is RoBERTa's padding, and a token to the others


def inputs(model) -> dict[str, np.ndarray]:
    """Of all texts, padding masked."""
    mask = np.ones_like(TEXTS)
    mask[4:, 6:] = 0
    values = {"input_ids": TEXTS, "attention_mask": mask, "token_type_ids": np.zeros_like(TEXTS)}
    return {name: values[name] for name in family_of(model.config).inputs}


class Pair:
    """The files of the plain scheme and of the fused one, of one model and one calibration."""

    def __init__(self, model, floats, folder, **settings) -> None:
        self.model, self.variant = model, quantize_variant({"scheme": "int8_fused", "backend": "onnxruntime", **settings})
        self.plain, self.fused = folder / "plain.onnx", folder / "fused.onnx"
        batch = {name: torch.from_numpy(values) for name, values in inputs(model).items()}
        ranges, source = input_ranges(model, [{"inputs": {**batch}}], self.variant.linear), floats
        fused.quantize(fused.rewritten(read_graph(floats)), self.fused, self.variant, ranges)
        if isinstance(self.variant.plain, Int4Static):
            source = folder / "tables.onnx"
            int4.quantize(floats, source, self.variant.plain.tables)
        plain.quantize(source, self.plain, self.variant.linear, ranges)

    def answers(self) -> tuple[np.ndarray, np.ndarray]:
        given = inputs(self.model)
        return open_graph(self.plain, 1)(given), open_graph(self.fused, 1)(given)

    def count(self) -> Counter[str]:
        return Counter(node.op_type for node in onnx.load(self.fused).graph.node)


@pytest.fixture(scope="module")
def bert(tiny, tmp_path_factory):
    """A model and its graph."""
    model, file = tiny(), tmp_path_factory.mktemp("bert") / "model.onnx"
    export(model, file)
    return model, file


def tokens_computed(file, given) -> list[int]:
    """Of each linear layer and each attention in integers, in order: the tokens of a text that it answers for."""
    model = onnx.load(file)
    names = [node.output[0] for node in model.graph.node if node.op_type in ("MatMulIntegerToFloat", "QAttention")]
    model.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return [values.shape[1] for values in session.run(names, {one.name: given[one.name] for one in session.get_inputs()})]


@pytest.mark.parametrize("family", FAMILIES.names())
def test_answers_are_those_of_the_plain_graph(tiny, tmp_path, family):
    """With two and three heads in the layers. The last layer computes one token of nine, but for its keys and values."""
    model = tiny(family)
    keep_heads(model, [[0, 3], [1, 2, 3]])
    export(model, tmp_path / "model.onnx")
    pair = Pair(model, tmp_path / "model.onnx", tmp_path)
    expected, found = pair.answers()
    assert np.ptp(expected) > 0.1
    assert found == pytest.approx(expected, abs=1e-5)
    first = 6 if family == "mpnet" else 4  # a position bias is nothing that QAttention adds
    before = first + (family == "electra")  # its embeddings are projected
    computed = tokens_computed(pair.fused, inputs(model))
    assert pair.count()["QAttention"] == (first == 4)
    assert computed[:before] == [9] * before
    assert sorted(computed[before:]) == [1, 1, 1, 1, 9, 9]


def test_weights_are_those_of_the_plain_graph(bert, tmp_path):
    """Under their names, so that they are counted as before."""
    pair = Pair(*bert, tmp_path)
    sizes = {name: parameter.numel() for name, parameter in bert[0].named_parameters()}
    assert nonzero(pair.fused, sizes) == nonzero(pair.plain, sizes)
    assert set(nonzero(pair.fused, sizes)) == set(sizes)
    assert pair.fused.stat().st_size < pair.plain.stat().st_size
    assert not (tmp_path / "floats.onnx").exists()


@pytest.mark.parametrize(
    ("settings", "attentions"),
    [
        ({"per_channel": False}, 1),
        ({"embeddings": 32, "reduce_range": True}, 1),
        ({"embeddings": 4, "block_size": 16}, 1),
        ({"skip": ["layer.0.attention.self.key"]}, 0),
        ({"skip": ["layer.1.output", "layer.0.output"]}, 1),
    ],
    ids=str,
)
def test_settings_mean_what_they_do_in_the_plain_scheme(bert, tmp_path, settings, attentions):
    pair = Pair(*bert, tmp_path, **settings)
    expected, found = pair.answers()
    assert found == pytest.approx(expected, abs=1e-5)
    assert pair.count()["QAttention"] == attentions
    assert saturates(pair.fused) == saturates(pair.plain) == (not pair.variant.reduce_range)


@pytest.mark.parametrize(("attention", "fused_ones", "for_one_token"), [([1], 0, 4 + 2), ([0, 1], 0, 4)], ids=str)
def test_without_attention_a_layer_treats_each_token_by_itself(tiny, tmp_path, attention, fused_ones, for_one_token):
    """So where the last layer has none, the one before is computed for one token, with two products that are not; and where none has any, all are."""
    model = tiny()
    drop_sublayers(model, attention=attention, ffn=[])
    export(model, tmp_path / "model.onnx")
    pair = Pair(model, tmp_path / "model.onnx", tmp_path)
    expected, found = pair.answers()
    assert found == pytest.approx(expected, abs=1e-5)
    assert pair.count()["QAttention"] == fused_ones
    assert tokens_computed(pair.fused, inputs(model)).count(1) == for_one_token


def test_saturating_weights_are_seen_where_only_attention_is_in_integers(bert, tmp_path):
    """Their matrices are put together as the graph is loaded."""
    others = ["attention.output", "intermediate", "layer.0.output", "layer.1.output", "layer.1.attention.self"]
    pair = Pair(*bert, tmp_path, skip=others)
    assert pair.count()["QAttention"] == 1
    assert pair.count()["MatMulIntegerToFloat"] == 0
    assert saturates(pair.fused)


def test_a_rewrite_that_changes_answers_is_left_out(bert, monkeypatch):
    floats = read_graph(bert[1])

    def wrong(model) -> bool:
        """Takes the second token in place of the first."""
        chosen = next(node for node in model.graph.node if node.op_type == "Gather" and node.output[0] == "select")
        model.graph.initializer.append(numpy_helper.from_array(np.array(1), "second"))
        chosen.input[1] = "second"
        return True

    def broken(model) -> bool:
        model.graph.node[-1].input[0] = "nothing"
        return True

    monkeypatch.setattr(fused, "REWRITES", {"wrong": wrong, "broken": broken})
    assert fused.rewritten(floats) == floats
    monkeypatch.undo()
    assert fused.same_answers(floats, fused.rewritten(floats))
    assert len(fused.rewritten(floats).graph.node) < len(floats.graph.node) - 10


@pytest.fixture
def parent(tiny, save, tokens, tmp_path):
    """Inputs of a scheme: a float model with its graph, and its tokens of the training split."""
    folder = save(tiny(), tmp_path / "float")
    export_checkpoint(folder, {})
    return folder, tokens / "train.arrow"


def given(parent, out, **settings) -> tuple:
    variant = quantize_variant({"scheme": "int8_fused", "backend": "onnxruntime", "sentences": 16, **settings})
    return variant, QuantizeInputs(parent[0], out, {"variant": variant.model_dump(), "seed": 0}, parent[1])


def test_layers_go_back_to_floats_as_in_the_plain_scheme(parent, tmp_path):
    """`revert` asks for graphs with some layers in floats; with none it is the scheme's own graph."""
    variant, asked = given(parent, tmp_path / "q")
    variant.quantize(asked)
    partly = reverting.partly(variant, asked)
    assert len(partly.layers) == 12
    partly.write([], tmp_path / "none.onnx")
    assert (tmp_path / "none.onnx").read_bytes() == (tmp_path / "q" / "model.onnx").read_bytes()
    partly.write(["bert.encoder.layer.0.attention.self.value"], tmp_path / "one.onnx")
    operators = Counter(node.op_type for node in onnx.load(tmp_path / "one.onnx").graph.node)
    assert (operators["MatMulIntegerToFloat"], operators["QAttention"]) == (11, 0)


def test_what_cannot_be_done_is_refused(parent, tmp_path):
    variant, asked = given(parent, tmp_path / "q", skip=["layer.9"])
    with pytest.raises(EdgeminError, match=r"skip: 'layer\.9' is no linear layer"):
        variant.quantize(asked)
    four, _ = given(parent, tmp_path / "q", embeddings=4)
    assert four.batch_invariant
    with pytest.raises(EdgeminError, match="multiple of 16, they have 24"):
        four.check(Shape(heads=(2,), head_dim=8, embedding=24))
    variant.check(Shape(heads=(2,), head_dim=8, embedding=24))
