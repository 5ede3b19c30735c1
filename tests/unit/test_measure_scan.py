"""Parts of a model, and INT8 of one at a time."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from edgemin.core.errors import EdgeminError
from edgemin.data.drawn import at, drawn
from edgemin.data.tokens import Tokens
from edgemin.measure import quality
from edgemin.measure.scan import scan
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.study.kind import kind_of
from edgemin.study.registry import FAMILIES
from edgemin.study.runtime import open_model


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
    assert FAMILIES[kind].part_of(module) == part


def test_divergence_by_hand():
    """Of classes the mean KL in nats, whatever is added to all logits of a text; of values the mean squared difference."""
    classes, values = (kind_of({"metric": metric}).scores().divergence for metric in ("accuracy", "pearson"))
    half, third = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    assert classes(half, third + 3) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    assert classes(half, half) == pytest.approx(0)
    assert values(np.array([[1.0], [2.0]]), np.array([[2.0], [4.0]])) == 2.5


SPEC = {"sentences": 10, "metric": "accuracy", "threads": 1}
OTHERS = {
    "layer 0 attention": ["layer.1", "layer.0.intermediate", "layer.0.output", "pooler", "classifier"],
    "layer 1 ffn": ["layer.0", "layer.1.attention", "pooler", "classifier"],
    "head": ["layer.0", "layer.1"],
    "embeddings": ["layer", "pooler", "classifier"],
    "all": [],
}
"""Part -> what stays floats."""


@pytest.fixture(scope="module")
def scanned(exported, tokens):
    return scan(exported, tokens / "validation.arrow", SPEC)


@pytest.fixture(scope="module")
def plain(exported, tokens):
    """Ten sentences of the validation split, and the float graph's answers to them."""
    every = Tokens.read(tokens / "validation.arrow", exported)
    texts = at(every, drawn(len(every), 10))
    return texts, quality.predict(open_model(exported, "onnxruntime", 1), texts, 1)


def test_all_parts_are_scanned_on_drawn_sentences(scanned, plain):
    layers = [f"layer {number} {block}" for number in (0, 1) for block in ("attention", "ffn")]
    assert sorted(point["part"] for point in scanned["points"]) == sorted(["embeddings", *layers, "head", "all"])
    assert (scanned["points"][0]["part"], scanned["points"][-1]["part"]) == ("embeddings", "all")
    assert (scanned["metric"], scanned["sentences"]) == ("accuracy", 10)
    texts, answers = plain
    assert scanned["float"] == float((answers.argmax(1) == texts.column("label")).mean())


@pytest.mark.parametrize("part", OTHERS)
def test_a_part_is_what_dynamic_int8_makes_of_it_alone(exported, scanned, plain, tmp_path, part):
    """A variant that skips all the others answers alike."""
    tables = part in ("embeddings", "all")
    variant = {"backend": "onnxruntime", "skip": OTHERS[part], "embeddings": tables}
    quantize(QuantizeInputs(exported, tmp_path, {"variant": variant}))
    texts, answers = plain
    found = quality.predict(open_model(tmp_path, "onnxruntime", 1), texts, 1)
    [point] = [point for point in scanned["points"] if point["part"] == part]
    shares, others = (torch.log_softmax(torch.from_numpy(x).double(), 1) for x in (answers, found))
    expected = float((shares.exp() * (shares - others)).sum(1).mean())
    assert expected > 0
    assert point["divergence"] == pytest.approx(expected, rel=1e-3, abs=1e-9)
    assert point["value"] == float((found.argmax(1) == texts.column("label")).mean())
    assert point["seconds"] >= 0


def test_a_corrupt_graph_is_not_scanned(exported, tokens, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "copy")
    (folder / "model.onnx").write_bytes((exported / "model.onnx").read_bytes()[:-9])
    with pytest.raises(EdgeminError, match=f"^{folder}/model.onnx: its sha256 differs"):
        scan(folder, tokens / "validation.arrow", SPEC)
