"""What `skip` can say: names of linear layers, and an error for any other, before any work."""

from __future__ import annotations

import pytest
from fitting import KD, Fitting
from onnx import numpy_helper
from pydantic import TypeAdapter

from edgemin.core.errors import EdgeminError
from edgemin.encoders.onnx_export import export, export_checkpoint
from edgemin.encoders.surgery import drop_sublayers
from edgemin.methods.distill.teachers import TeacherFiles
from edgemin.methods.quantize.graphs import heads, linear_layers, read_graph
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.study.linear_layers import HEADS, check_skip, skips
from edgemin.study.linear_layers import linear_layers as names_of
from edgemin.study.registry import FAMILIES
from edgemin.study.structure import Shape, Structure
from edgemin.study.variants import AnyQuantize
from edgemin.training.run import Files

LEARN = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 16, "terms": [{"objective": "labels"}]}


def shape_of(config) -> Shape:
    structure = Structure.of(config)
    return Shape(tuple(map(len, structure.heads)), structure.head_dim, neurons=structure.intermediate)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("family", FAMILIES.names())
def test_planning_knows_the_layers_of_the_exported_graph(tiny, family, cut, tmp_path):
    """Each by its name, of a model without the attention of one layer and the FFN of another too."""
    model = tiny(family)
    if cut:
        drop_sublayers(model, attention=[0], ffn=[1])
    export(model, tmp_path / "model.onnx")
    graph = read_graph(tmp_path / "model.onnx")
    found = [layer.module for layer in (*linear_layers(graph), *heads(graph))]
    assert family in HEADS
    expected = names_of(model.config, shape_of(model.config))
    assert expected is not None
    assert sorted(found) == sorted(expected)
    assert len(expected) == (6 if cut else 12) + 2 + (family == "electra")  # which has a projection after its embeddings


def test_a_family_without_a_known_head_is_left_to_the_job(monkeypatch, tiny):
    monkeypatch.delitem(HEADS, "bert")
    config = tiny().config
    assert names_of(config, shape_of(config)) is None


def test_layers_whose_cut_is_not_known_have_all_parts():
    config = {"model_type": "bert", "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 8, "intermediate_size": 8}
    known, unknown = Shape((2, 0), 4, neurons=(8, 0)), Shape((2, 0), 4, exact=False)
    assert [len(names_of(config, shape) or []) for shape in (known, unknown)] == [6 + 2, 12 + 2]


def test_a_name_that_is_no_layer_is_answered_with_the_nearest():
    modules = ["bert.encoder.layer.1.output.dense", "bert.encoder.layer.11.output.dense", "bert.pooler.dense", "classifier"]
    check_skip(["layer.1", "output", "pooler", "classifier", "bert.encoder.layer.11.output.dense"], modules)
    for name, near in (("poler", "pooler"), ("layer.2", "layer.1"), ("Classifier", "classifier")):
        with pytest.raises(EdgeminError) as caught:
            check_skip(["layer.1", name], modules)
        assert str(caught.value).startswith(
            f"skip: '{name}' is no linear layer of the model, nor a module with one inside; nearest: {near}, "
        )
        assert str(caught.value).endswith(
            "its linear layers: bert.encoder.layer.1.output.dense, bert.encoder.layer.11.output.dense, bert.pooler.dense and 1 more"
        )
    assert not skips(["layer.1"], modules[1])


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_a_study_is_refused_before_any_training(changed, tmp_path, family):
    """The student has 2 of 4 layers. The chain's family is that of its last student."""
    check = Fitting(changed, tmp_path)
    own = {"n_layers": 4, "n_heads": 4, "dim": 32, "hidden_dim": 64} if family == "distilbert" else {}
    teacher = {"model_type": family, **own}
    static = {"scheme": "int8_static", "backend": "onnxruntime"}
    chain = {"cells.left": f"{KD}/quantize-left"}
    head = {"bert": "pooler", "distilbert": "pre_classifier"}[family]
    check({**chain, "quantize.left": {**static, "skip": ["layer.1", head]}}, teacher)
    for name in ("layer.2", "poler"):
        with pytest.raises(EdgeminError, match=rf"^quantize\.left\.skip: '{name}' is no linear layer of the model.*nearest: "):
            check({**chain, "quantize.left": {**static, "skip": [name]}}, teacher)


def test_a_student_of_its_own_has_layers_of_its_own(changed, tmp_path):
    check = Fitting(changed, tmp_path)
    student = {"model_type": "distilbert", "n_layers": 3, "n_heads": 4, "dim": 32, "hidden_dim": 64}
    changes = {
        "distill.own": {
            "student": {"source": {"path": "student"}},
            "phases": [{"epochs": 1, "learning_rate": 1e-3, "batch_size": 8, "terms": [{"objective": "logits"}]}],
        },
        "cells.left": "teacher/distill-own/quantize-left",
    }
    check({**changes, "quantize.left": {"backend": "onnxruntime", "skip": ["ffn.lin1"]}}, student=student)
    with pytest.raises(EdgeminError, match=r"^quantize\.left\.skip: 'layer.3' is no linear layer"):
        check({**changes, "quantize.left": {"backend": "onnxruntime", "skip": ["layer.3"]}}, student=student)


@pytest.mark.parametrize("scheme", ["int8_dynamic", "int8_static", "int8_qat"])
def test_a_job_refuses_it_too_and_writes_nothing(tiny, save, tokens, tmp_path, monkeypatch, scheme):
    parent = save(tiny(), tmp_path / "parent")
    export_checkpoint(parent, {})
    for name in ("int8_static.in_onnxruntime.input_ranges", "int8_qat.in_onnxruntime.input_ranges"):  # no calibration before it
        monkeypatch.setattr(f"edgemin.methods.schemes.{name}", lambda *given: pytest.fail("it began to work"))
    keys = {"scheme": scheme, "backend": "onnxruntime", "skip": ["layer.7"], **({"learn": LEARN} if scheme == "int8_qat" else {})}
    variant = TypeAdapter(AnyQuantize).validate_python(keys).model_dump(mode="json")
    spec = {"variant": variant, "seed": 0, "metric": "accuracy", "precision": "fp32", "threads": 1}
    train, out = tokens / "train.arrow", tmp_path / "out"
    files = Files(train, tokens / "validation.arrow", out, tmp_path / "scratch"), TeacherFiles(parent, train)
    with pytest.raises(EdgeminError, match=r"^skip: 'layer.7' is no linear layer"):
        quantize(QuantizeInputs(parent, out, spec, train, files))
    assert not [path for path in tmp_path.glob("*out*/**/*") if path.is_file()]


def test_what_is_skipped_keeps_its_weights_to_the_bit(tiny, save, tmp_path):
    """The head, which is Gemm in the graph, and one layer."""
    import onnx

    model = tiny()
    parent = save(model, tmp_path / "parent")
    export_checkpoint(parent, {})
    variant = TypeAdapter(AnyQuantize).validate_python({"backend": "onnxruntime", "skip": ["pooler", "classifier", "layer.0"]})
    quantize(QuantizeInputs(parent, tmp_path / "out", {"variant": variant.model_dump()}))
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "out/model.onnx").graph.initializer}
    kept = {
        name.removesuffix("_Transposed")
        for name in tensors
        if "weight" in name and tensors[name].dtype == "float32" and tensors[name].ndim == 2
    }
    assert {"bert.pooler.dense.weight", "classifier.weight"} <= kept
    for name in ("bert.pooler.dense.weight", "classifier.weight"):
        values = tensors.get(name, tensors.get(f"{name}_Transposed"))
        stored = dict(model.named_parameters())[name].detach().numpy()
        assert (values == stored).all() if values.shape == stored.shape and name in tensors else (stored == values.T).all()
    assert len(kept) == 2 + 6
