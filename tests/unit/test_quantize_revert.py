"""Layers back to floats: which, in which order, and when that ends."""

from __future__ import annotations

import copy
import json
import logging

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from pydantic import TypeAdapter, ValidationError

from edgemin.core.code_digest import code_digest
from edgemin.data.tokens import Tokens
from edgemin.encoders.onnx_export import export_checkpoint
from edgemin.measure.quality import predict
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.reverting import Answers, Judged, Partly, harms, quantize_and_revert, revert
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.int4 import in_onnxruntime, reverting
from edgemin.plan.jobs import Jobs
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.read import parse_study
from edgemin.study.variants import AnyQuantize, quantize_variant
from planning import KD, at

BAD = "bert.encoder.layer.1.intermediate.dense"
"""The layer with a planted fault."""
STATIC = {"scheme": "int8_static", "backend": "onnxruntime", "per_channel": False, "embeddings": False, "sentences": 16}
SCHEMES = {
    "int8_static": STATIC,
    "int8_dynamic": {"backend": "onnxruntime", "per_channel": False, "embeddings": False},
    "int4": {"scheme": "int4", "backend": "onnxruntime", "block_size": 16, "embeddings": 32},
    "int4_static": {"scheme": "int4_static", "backend": "onnxruntime", "block_size": 16, "sentences": 16},
    "int8_compact": {"scheme": "int8_compact", "backend": "onnxruntime", "group": 16, "sentences": 16},
    "int8_packed": {"scheme": "int8_packed", "backend": "onnxruntime", "group": 16, "sentences": 16},
    "few_bits": {"scheme": "few_bits", "backend": "onnxruntime", "group": 16},
    "int4 beside int8": {"scheme": "int4", "backend": "onnxruntime", "block_size": 16, "linear": 8},
}
CALIBRATED = ("int8_static", "int4_static", "int8_compact", "int8_packed")
"""Of these the head is no layer to revert."""


# -- the order and the end ---------------------------------------------------------------------------------------------


def drops(*values: float):
    """A judge that has seen graphs with none, one, two … layers in floats."""
    return lambda floats: Judged(values[len(floats)], 100 + 10 * len(floats))


def test_it_ends_at_the_first_graph_within_the_limit():
    assert revert(["a", "b", "c"], drops(0.2, 0.3, 0.005, 0.0), 0.005) == [Judged(0.2, 100), Judged(0.3, 110), Judged(0.005, 120)]


def test_a_limit_that_is_met_already_reverts_nothing():
    assert revert(["a", "b"], drops(0.005), 0.005) == [Judged(0.005, 100)]


def test_a_drop_of_just_the_limit_is_within_it():
    """Of three decimals: as binary numbers their difference may be a little more."""
    drop = 0.888 - 0.886
    assert drop > 0.002
    assert revert(["a", "b"], drops(0.004, drop, 0.0), 0.002) == [Judged(0.004, 100), Judged(drop, 110)]
    assert revert(["a"], drops(0.0021, 0.0), 0.002)[-1].drop == 0.0


def test_a_limit_that_is_never_met_reverts_all():
    assert [one.drop for one in revert(["a", "b"], drops(0.3, 0.2, 0.1), 0)] == [0.3, 0.2, 0.1]
    assert revert([], drops(0.3), 0) == [Judged(0.3, 100)]


def test_harm_is_of_a_layer_quantized_alone(tmp_path):
    """The divergence here is the square of the sum of what is quantized: alone 1, 9 and 4."""
    sizes, file = {"a": 1, "b": 3, "c": 2}, tmp_path / "graph"

    def write(floats, target):
        target.write_text(str(sum(size for name, size in sizes.items() if name not in floats) ** 2))

    assert harms(Partly(list(sizes), write), lambda graph: float(graph.read_text()), file) == {"a": 1, "b": 9, "c": 4}


# -- on graphs ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parent(tiny, save, tmp_path_factory):
    """A model with one layer of which one neuron has a weight 10,000 times as large as all others, and counts for nothing: all of the
    layer is rounded to 0 where a matrix, or a group of weights, shares a scale. Every layer is made large enough to show in the answers."""
    model = copy.deepcopy(tiny())
    modules = dict(model.named_modules())
    with torch.no_grad():
        modules["classifier"].weight.mul_(50)
        bad, after = modules[BAD], modules["bert.encoder.layer.1.output.dense"]
        bad.weight.mul_(20)
        after.weight.mul_(20)
        bad.weight[0, ::8] = 1e4 * bad.weight.abs().max()
        bad.bias[0] = -1e9  # GELU gives 0
    folder = save(model, tmp_path_factory.mktemp("floats"))
    export_checkpoint(folder, {})
    return folder


def test_a_drop_is_the_float_parents_metric_less_the_graphs(parent, tokens):
    """The parent answers every text right here, a graph all but three."""
    texts = Tokens.read(tokens / "validation.arrow", parent)
    right = np.eye(2)[texts.column("label").to_numpy()]
    wrong = np.concatenate([1 - right[:3], right[3:]])
    answers = iter([right, wrong, right])
    judged = Answers(
        parent, texts, {"metric": "accuracy", "threads": 1, "batch_size": 4}, lambda run, tokens, size: next(answers)
    )
    assert judged.float == 1
    assert judged.drop(parent / "model.onnx") == pytest.approx(3 / len(texts))
    assert judged.drop(parent / "model.onnx") == 0


def test_layers_are_ranked_by_texts_of_every_class(parent, tokens):
    """Of a file that is sorted by label, as training data often are: the first half would be of one class."""
    read = Tokens.read(tokens / "validation.arrow", parent)
    texts = Tokens(read.table.sort_by("label"), read.file)
    asked = []

    def label_itself(run, some, size):
        asked.append(some.column("label").tolist())
        return np.eye(2)[asked[-1]]

    answers = Answers(parent, texts, {"metric": "accuracy", "threads": 1, "batch_size": 4}, label_itself)
    assert [answers.divergence(parent / "model.onnx", 12) for _ in range(2)] == [0, 0], "beside the float answers to these texts"
    assert [len(labels) for labels in asked] == [24, 12, 12]
    assert set(asked[1]) == {0, 1}
    assert asked[1] == asked[2], "all graphs are asked the same"


@pytest.fixture
def reverted(parent, tokens, tmp_path):
    """reverted(keys, max_drop): the folder, and what its reverted.json says."""

    def make(keys: dict, max_drop: float):
        variant = spec_of(quantize_variant({**keys, "revert": {"max_drop": max_drop, "sentences": 12}}))
        spec = {"variant": variant, "seed": 0, "metric": "accuracy", "threads": 1, "batch_size": 1}
        out = tmp_path / f"out{max_drop}"
        quantize_and_revert(QuantizeInputs(parent, out, spec, tokens / "train.arrow"), tokens / "validation.arrow", predict)
        return out, json.loads((out / "reverted.json").read_text())

    return make


def floats_of(folder) -> set[str]:
    """Linear layers whose matrix is float32 in a graph."""
    tensors = onnx.load(folder / "model.onnx").graph.initializer
    matrices = (one.name for one in tensors if len(one.dims) == 2 and one.data_type == onnx.TensorProto.FLOAT)
    names = (name.removesuffix("_Transposed").removesuffix(".T").removesuffix(".weight") for name in matrices)
    return {name for name in names if "embeddings" not in name and "scale" not in name}


@pytest.mark.parametrize("scheme", ["int8_static", "int8_dynamic"])
def test_the_planted_layer_is_the_one_that_is_reverted(reverted, monkeypatch, scheme):
    """Judged by the divergence, which shows any layer in a dozen texts. The limit is half of what there is with all layers quantized."""
    monkeypatch.setattr(Answers, "drop", lambda answers, graph: answers.divergence(graph, 12))
    out, told = reverted(SCHEMES[scheme], 0.99)
    assert told["steps"] == []
    assert told["within"]
    assert max(told["harm"], key=told["harm"].get) == BAD
    assert told["drop"] == told["drop_before"] > 0
    limit = told["drop"] / 2
    again, after = reverted(SCHEMES[scheme], limit)
    assert [step["layer"] for step in after["steps"]] == [BAD]
    assert after["steps"][0]["before"] == told["drop"] == after["drop_before"]
    assert after["drop"] == after["steps"][0]["after"] <= limit
    assert floats_of(again) - floats_of(out) == {BAD}
    for folder, said in ((out, told), (again, after)):
        assert (folder / "model.onnx").stat().st_size == said["bytes"]
    assert after["bytes"] - after["bytes_before"] == after["steps"][0]["bytes"] > 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_limit_below_all_ends_with_floats_and_says_so(reverted, parent, monkeypatch, caplog, scheme):
    """Whatever a graph answers is judged worse than the floats."""
    monkeypatch.setattr(Answers, "drop", lambda answers, graph: 0.5)
    caplog.set_level(logging.WARNING)
    out, told = reverted(SCHEMES[scheme], 0.01)
    assert not told["within"]
    layers = told["layers"]
    assert layers == len(told["steps"]) == len(told["harm"]) == len({step["layer"] for step in told["steps"]})
    assert layers == (12 if scheme in CALIBRATED else 14)
    assert f"revert: all {layers} linear layers are floats again" in caplog.text
    assert len(floats_of(out)) == (12 if scheme in ("int8_compact", "int8_packed") else 14)  # its head has 8 bits
    harm = [told["harm"][step["layer"]] for step in told["steps"]]
    assert harm == sorted(harm, reverse=True)
    if scheme not in ("int4 beside int8", "int4_static", "int8_compact", "int8_packed"):  # embeddings are floats there, so all is
        inputs = {"input_ids": np.arange(5, 17)[None], "attention_mask": np.ones((1, 12), np.int64)}
        inputs["token_type_ids"] = np.zeros((1, 12), np.int64)
        answers = [onnxruntime.InferenceSession(folder / "model.onnx").run(["logits"], inputs)[0] for folder in (out, parent)]
        np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-4)


def test_it_is_the_same_again(reverted, tmp_path):
    out, _ = reverted(STATIC, 0.1)
    before = {name: (out / name).read_bytes() for name in ("model.onnx", "reverted.json")}
    reverted(STATIC, 0.1)
    assert {name: (out / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_reverted_least_is_what_the_scheme_makes(reverted, parent, tokens, tmp_path, scheme):
    out, _ = reverted(SCHEMES[scheme], 0.99)
    given = QuantizeInputs(parent, tmp_path / "plain", {"variant": SCHEMES[scheme], "seed": 0}, tokens / "train.arrow")
    quantize(given)
    assert (out / "model.onnx").read_bytes() == (tmp_path / "plain/model.onnx").read_bytes()


@pytest.mark.parametrize("linear", [4, 8])
@pytest.mark.parametrize("embeddings", [4, 8])
def test_int4_without_floats_is_int4(parent, tmp_path, linear, embeddings):
    config = quantize_variant({"scheme": "int4", "backend": "onnxruntime", "block_size": 16, "linear": linear, "embeddings": 4})
    config = config.model_copy(update={"embeddings": embeddings})
    in_onnxruntime.quantize(parent / "model.onnx", tmp_path / "one", config)
    reverting.quantize(parent / "model.onnx", tmp_path / "two", config, [])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_layer_that_is_float_again_has_its_weights(parent, tmp_path):
    config = quantize_variant(SCHEMES["int4"])
    reverting.quantize(parent / "model.onnx", tmp_path / "model.onnx", config, [BAD])
    assert floats_of(tmp_path) == {BAD}
    graphs = [onnx.load(folder / "model.onnx").graph.initializer for folder in (tmp_path, parent)]
    one, other = ({t.name: numpy_helper.to_array(t) for t in graph if BAD in t.name and t.dims[1:]} for graph in graphs)
    assert one.keys() & other.keys()
    assert all((one[name] == other[name]).all() for name in one.keys() & other.keys())


# -- in a study --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"scheme": "bf16", "backend": "torch"}, "revert: bf16 in torch quantizes all layers or none"),
        ({"backend": "torch"}, "revert: int8_dynamic in torch quantizes all layers or none"),
        ({"scheme": "int8_nncf"}, "revert: int8_nncf in openvino quantizes all layers or none"),
        ({**SCHEMES["int4"], "linear": 32, "embeddings": 4}, "revert: linear layers of 32 bits are floats already"),
    ],
)
def test_others_are_refused_in_one_line(keys, said):
    with pytest.raises(ValidationError, match=said) as caught:
        TypeAdapter(AnyQuantize).validate_python({**keys, "revert": {"max_drop": 0.01}})
    assert "\n" not in caught.value.errors()[0]["msg"]


def test_all_schemes_that_can_are_named():
    able = [name for name in registry.SCHEMES.names() if registry.SCHEMES.has(name, "reverting")]
    assert able == ["few_bits", "int4", "int4_static", "int8_compact", "int8_dynamic", "int8_fused", "int8_packed", "int8_static"]
    assert all(registry.SCHEMES.half(name, "reverting").partly for name in able)


def test_only_a_variant_that_reverts_has_the_job(changed):
    """And the key changes nothing for any other."""
    plain = {"quantize.static": STATIC, "cells.q": f"{KD}/quantize-static"}
    before = Jobs(Plan(parse_study(changed(plain))))
    after = Jobs(Plan(parse_study(changed({**plain, "quantize.static": {**STATIC, "revert": {"max_drop": 0.01}}}))))
    job, where = before.quantize_model["onnxruntime"], at(parent=KD, variant="static")
    assert "static" in job.variants()
    assert "revert" not in job.spec(where)["variant"]
    assert "static" not in before.revert_layers.variants()
    assert set(after.revert_layers.variants()) - set(before.revert_layers.variants()) == {"static"}
    assert "static" not in after.quantize_model["onnxruntime"].variants()
    mine = after.revert_layers
    assert mine.spec(where)["variant"]["revert"] == {"max_drop": 0.01, "sentences": 256}
    assert [file.rpartition("/")[2] for file in mine.outputs] == [
        *(file.rpartition("/")[2] for file in job.outputs),
        "reverted.json",
    ]
    assert mine.inputs(where)["validation"].endswith("/validation.arrow")
    covered = set(mine.covered(where))
    assert {"edgemin.methods.schemes.int8_static.reverting", "edgemin.methods.quantize.reverting"} <= covered
    assert not covered & {"edgemin.methods.schemes.int4.reverting"}
    assert "edgemin.methods.quantize.reverting" not in job.covered(where)
    assert job.spec(where)["code"] == code_digest(
        *job.roots(where), settings=job.settings(where), script=job.script, without=job.without(where)
    )


@pytest.mark.parametrize(("scheme", "batch"), [("int8_static", 32), ("int8_dynamic", 1), ("int4 beside int8", 1), ("int4", 32)])
def test_it_judges_as_quality_is_measured(changed, scheme, batch):
    keys = {"quantize.one": {**SCHEMES[scheme], "embeddings": 4 if "int4" in scheme else None, "revert": {"max_drop": 0.01}}}
    if scheme == "int8_static":
        keys["quantize.one"].pop("embeddings")
    jobs = Jobs(Plan(parse_study(changed({**keys, "cells.q": f"{KD}/quantize-one"}))))
    mine = jobs.revert_layers.spec(at(parent=KD, variant="one"))
    measured = jobs.measure_quality.spec(at(chain=f"{KD}/quantize-one", runtime="onnxruntime"))
    assert {name: mine[name] for name in ("metric", "batch_size", "threads")} == {
        name: measured[name] for name in ("metric", "batch_size", "threads")
    }
    assert mine["batch_size"] == batch
