"""`int8_packed_qat`: the graph of `int8_packed`, from weights and scales that were trained with the rounding in place."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from pydantic import TypeAdapter
from quantizes import made, tensors

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.encoders.onnx_export import export, export_checkpoint
from edgemin.methods.distill.teachers import TeacherFiles
from edgemin.methods.quantize.graphs import embedding_tables, linear_layers
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.few_bits.groups import pack as pack_bits
from edgemin.methods.schemes.int8_packed.rounding import pack
from edgemin.methods.schemes.int8_packed_qat import Int8PackedQat, in_onnxruntime
from edgemin.study.structure import Shape
from edgemin.study.variants import AnyQuantize
from edgemin.training.run import Files

LEARN = {"epochs": 2, "learning_rate": 1e-3, "batch_size": 16, "terms": [{"objective": "labels"}]}
QUERY = "bert.encoder.layer.0.attention.self.query"


def variant(**keys) -> Int8PackedQat:
    found = TypeAdapter(AnyQuantize).validate_python(
        {"scheme": "int8_packed_qat", "backend": "onnxruntime", "learn": LEARN, "group": 16, "sentences": 16, **keys}
    )
    assert isinstance(found, Int8PackedQat)
    return found


def exported(save, model, folder):
    found = save(model, folder)
    export_checkpoint(found, {})
    return found


@pytest.fixture
def trained(with_tokens, tokens, tmp_path):
    """The folder that a variant writes."""

    def make(name="out", parent=None, **keys):
        spec = {
            "variant": variant(**keys).model_dump(mode="json"),
            "seed": 0,
            "metric": "accuracy",
            "precision": "fp32",
            "threads": 1,
        }
        folder, train = parent or with_tokens[0], with_tokens[1]
        out, scratch = tmp_path / name, tmp_path / f"{name}_scratch"
        files = Files(tokens / "train.arrow", tokens / "validation.arrow", out, scratch), TeacherFiles(folder, train)
        quantize(QuantizeInputs(folder, out, spec, train, files))
        return out

    return make


def test_scales_that_are_given_are_those_of_the_codes():
    """Steps of 0.1 and 0.2 and codes of -4 to 3: every weight that has a code is met, but for the rounding of the scales to INT8."""
    codes = np.resize(np.arange(-4, 4), (3, 16))
    scales = np.float32([[0.1, 0.2], [-0.2, 0.1], [0.1, -0.1]])
    weight = np.hstack([codes * scales[:, :1], codes * scales[:, 1:]]).astype(np.float32)
    packed = pack(weight, None, bits=3, group=16, scales=scales)
    assert (packed.codes == np.hstack([codes, codes])).all()
    np.testing.assert_allclose(packed.multipliers * packed.scale[:, None] / 4, scales, rtol=0.01)
    wider = pack(weight, None, bits=3, group=16, scales=3 * scales)
    np.testing.assert_allclose(wider.scale, 3 * packed.scale, rtol=1e-6)
    assert np.abs(wider.codes).max() < 4


@pytest.mark.parametrize("family", ["bert", "electra", "mpnet"])
def test_training_rounds_tables_and_the_layers_whose_weights_are_packed_and_no_head(tiny, family, tmp_path):
    model = tiny(family, **({"embedding_size": 16, "hidden_size": 32} if family == "electra" else {})).eval()
    names = set(in_onnxruntime._Trained(model, variant(skip=["layer.1"])).scales())
    assert len(names) == {"bert": 3 + 6, "electra": 3 + 6 + 1, "mpnet": 2 + 6}[family]
    export(tiny(family, **({"embedding_size": 16, "hidden_size": 32} if family == "electra" else {})).eval(), tmp_path / "m.onnx")
    graph = onnx.load(tmp_path / "m.onnx")
    layers = {layer.module for layer in linear_layers(graph) if "layer.1." not in layer.module}
    assert names == layers | {table.module for table in embedding_tables(graph) if "embeddings" in table.module}


def test_the_student_is_no_part_of_what_the_rounding_learns(tiny):
    model = tiny()
    rounding = in_onnxruntime._Trained(model, variant())
    assert not {id(one) for one in model.parameters()} & {id(one) for one in rounding.parameters()}


@pytest.fixture
def seen(monkeypatch):
    """What was in training when the graph was written: scales by module, and the weights that ranges are taken from."""
    found = {}

    def scales(rounding):
        found["scales"] = learned(rounding)
        return found["scales"]

    def ranges(student, *given):
        found["weights"] = {name: values.detach().clone().numpy() for name, values in student.named_parameters()}
        return measured(student, *given)

    learned, measured = in_onnxruntime._Trained.scales, in_onnxruntime.input_ranges
    monkeypatch.setattr(in_onnxruntime._Trained, "scales", scales)
    monkeypatch.setattr(in_onnxruntime, "input_ranges", ranges)
    return found


@pytest.mark.parametrize(("bits", "reduce_range"), [(4, False), (3, True), (2, False)])
def test_what_is_packed_is_what_was_trained(trained, seen, monkeypatch, bits, reduce_range):
    """But for one step of INT8: half of it by the rounding of the multiplier, half by that of the product. Layers of 24 inputs have two groups."""
    kept = {}

    def keep(rounding):
        for (name, module), matrix in zip(rounding._modules_of.items(), rounding.matrices, strict=True):
            kept[name] = matrix.rounded(module.weight.detach()).detach().numpy()
        remove(rounding)

    remove = in_onnxruntime._Trained.remove
    monkeypatch.setattr(in_onnxruntime._Trained, "remove", keep)
    stored = tensors(trained(bits=bits, reduce_range=reduce_range, scale_learning_rate=0.05))
    largest = 64 if reduce_range else 127
    for module, (scales, _) in seen["scales"].items():
        weight = seen["weights"][f"{module}.weight"]
        if "embeddings" in module:
            np.testing.assert_allclose(weight, kept[module], atol=1e-6)
            continue
        step = stored[f"{module}.weight.T_scale"].reshape(-1, 1)
        assert (np.abs(weight - kept[module]) <= 1.001 * step).all()
        integers = np.rint(weight / step)
        assert 0.9 * largest <= np.abs(integers).max() <= largest
        multipliers = stored[f"{module}.weight.T_multipliers"].reshape(scales.shape)
        some = np.abs(multipliers) > 1
        assert some.any()
        off = np.abs(multipliers * step / 2 ** (bits - 1) - scales)
        assert (off <= 0.501 * step / 2 ** (bits - 1))[some].all()


def test_a_group_of_zeros_leaves_the_scale_to_the_others(with_tokens, tiny, save, trained, seen, tmp_path):
    model, name = tiny(), "bert.encoder.layer.0.output.dense"
    with torch.no_grad():
        model.get_parameter(f"{name}.weight").mul_(0.1)[:, :16] = 0
    trained(parent=exported(save, model, tmp_path / "zeros"), learn={**LEARN, "epochs": 1, "learning_rate": 1e-5})
    weight = model.get_parameter(f"{name}.weight").detach().numpy()
    packed = seen["weights"][f"{name}.weight"]
    assert not packed[:, :16].any()
    assert np.square(packed - weight).mean() < 0.02 * np.square(weight).mean()


def test_what_is_calibrated_and_written_are_the_trained_weights(with_tokens, trained, seen):
    folder = trained(bits=2)
    student, stored = seen["weights"], tensors(folder)
    untrained = tensors(made(with_tokens, folder.with_name("packed"), scheme="int8_packed", bits=2, group=16, rounding="nearest"))
    weight, scale = student[f"{QUERY}.weight"], stored[f"{QUERY}.weight.T_scale"].reshape(-1, 1)
    integers = np.rint(weight / scale)
    np.testing.assert_allclose(weight, integers * scale, atol=1e-7)
    multipliers = stored[f"{QUERY}.weight.T_multipliers"].reshape(16, 1).astype(int)  # one group of 16 inputs
    every = np.rint(np.arange(-2, 2) * multipliers / 2)
    codes = (every[:, None] == integers[..., None]).argmax(-1)
    written = pack_bits(codes.astype(np.uint8).ravel(), 2)
    assert (stored[f"{QUERY}.weight.T_codes0"].ravel() == written).all()
    table = "bert.embeddings.word_embeddings.weight"
    words = stored[f"{table}_codes"].astype(int)
    words = (np.stack([words & 15, words >> 4], -1).reshape(len(words), -1) - 8) * stored[f"{table}_scales"]
    np.testing.assert_allclose(student[table], words, atol=1e-7)
    assert (stored[f"{table}_scales"] != untrained[f"{table}_scales"]).any()
    assert (stored[f"{QUERY}.weight.T_scale"] != untrained[f"{QUERY}.weight.T_scale"]).any()


def test_the_graph_is_that_of_int8_packed_with_what_was_trained_beside_it(with_tokens, trained):
    folder = trained(bits=3, skip=["layer.1"])
    plain = made(with_tokens, folder.with_name("packed"), scheme="int8_packed", bits=3, group=16, skip=["layer.1"])
    graphs = [onnx.load(one / "model.onnx").graph for one in (folder, plain)]
    counts = [Counter(node.op_type for node in graph.node) for graph in graphs]
    assert counts[0] == counts[1]
    assert counts[0]["Unpack"] == 6
    shapes = [{tensor.name: (tensor.data_type, *tensor.dims) for tensor in graph.initializer} for graph in graphs]
    assert shapes[0] == shapes[1]
    history = read_json(folder / "history.json")
    assert len(history["phases"][0]["log"]) > 2
    assert read_json(folder / "config.json")["edgemin_quantization"]["scheme"] == "int8_packed_qat"


def test_the_same_variant_twice_gives_the_same_file(trained):
    assert trained("one").joinpath("model.onnx").read_bytes() == trained("two").joinpath("model.onnx").read_bytes()


def test_every_key_is_passed_on():
    keys = {"bits": 2, "group": 32, "embeddings": 8, "sentences": 9, "skip": ["pooler"], "reduce_range": True}
    one = variant(**keys, scale_learning_rate=0.5)
    packed = one.packed.model_dump()
    assert {name: packed[name] for name in keys} == keys
    rounding = one.rounding(["classifier"]).model_dump()
    assert {name: rounding[name] for name in ("bits", "group", "embeddings")} == {"bits": 2, "group": 32, "embeddings": 8}
    assert rounding["skip"] == ["pooler", "classifier"]
    assert rounding["scale_learning_rate"] == 0.5
    assert rounding["learn"] == one.learn.model_dump()


def test_what_it_is_called_and_what_it_refuses(trained):
    one = variant(bits=3, group=128, sentences=256)
    assert one.details == "2 epochs, bits 3, group 128"
    assert variant(group=64, sentences=256).details == "2 epochs"
    assert one.batch_invariant
    with pytest.raises(EdgeminError, match="multiple of 16, the embeddings have 24"):
        one.check(Shape(heads=(2,), head_dim=8, embedding=24))
    with pytest.raises(EdgeminError, match=r"skip: 'layer\.9' is no linear layer"):
        trained(skip=["layer.9"])
