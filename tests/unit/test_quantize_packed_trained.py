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
from edgemin.methods.distill.teachers import TeacherFiles
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


@pytest.fixture
def trained(with_tokens, tokens, tmp_path):
    """The folder that a variant writes."""

    def make(name="out", **keys):
        spec = {
            "variant": variant(**keys).model_dump(mode="json"),
            "seed": 0,
            "metric": "accuracy",
            "precision": "fp32",
            "threads": 1,
        }
        folder, train = with_tokens
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
def test_training_rounds_the_layers_whose_weights_are_packed_and_no_head(tiny, family):
    model = tiny(family)
    rounded = in_onnxruntime._Trained(model, variant(skip=["layer.1"])).scales()
    assert len(rounded) == 6
    assert all(".layer.0." in name for name in rounded)


def test_the_student_is_no_part_of_what_the_rounding_learns(tiny):
    model = tiny()
    rounding = in_onnxruntime._Trained(model, variant())
    assert not {id(one) for one in model.parameters()} & {id(one) for one in rounding.parameters()}


@pytest.mark.parametrize("bits", [4, 3, 2])
def test_packed_weights_are_as_near_as_those_in_training(tiny, bits):
    """But for one step of INT8: half of it by the rounding of the multiplier, half by that of the product."""
    model = tiny()
    rounding = in_onnxruntime._Trained(model, variant(bits=bits))
    with torch.no_grad():
        for matrix in rounding.matrices:
            matrix.share.mul_(1.2)
    weight, scales = model.get_parameter(f"{QUERY}.weight").detach(), rounding.scales()[QUERY][0]
    in_training = rounding.matrices[list(rounding.scales()).index(QUERY)].rounded(weight)
    packed = pack(weight.numpy(), None, bits, 16, scales=scales)
    off = np.abs(packed.values() - weight.numpy()) - (in_training - weight).abs().detach().numpy()
    assert (off <= packed.scale[:, None] * 1.001).all()


def test_what_is_calibrated_and_written_are_the_trained_weights(with_tokens, trained, monkeypatch):
    students = []

    def ranges(student, *given):
        students.append({name: values.detach().clone().numpy() for name, values in student.named_parameters()})
        return measured(student, *given)

    measured = in_onnxruntime.input_ranges
    monkeypatch.setattr(in_onnxruntime, "input_ranges", ranges)
    folder = trained(bits=2)
    (student,), stored = students, tensors(folder)
    untrained = tensors(made(with_tokens, folder.with_name("packed"), scheme="int8_packed", bits=2, group=16, rounding="nearest"))
    weight, scale = student[f"{QUERY}.weight"], stored[f"{QUERY}.weight.T_scale"].reshape(-1, 1)
    integers = np.rint(weight / scale)
    np.testing.assert_allclose(weight, integers * scale, atol=1e-7)
    multipliers = stored[f"{QUERY}.weight.T_multipliers"].reshape(16, 1).astype(int)  # one group of 16 inputs
    every = np.rint(np.arange(-2, 2) * multipliers / 2)
    codes = (every[:, None] == integers[..., None]).argmax(-1)
    written = pack_bits(codes.astype(np.uint8).ravel(), 2)
    assert (stored[f"{QUERY}.weight.T_codes0"].ravel() == written).all()
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


def test_what_it_is_called_and_what_it_refuses(trained):
    one = variant(bits=3, group=128, sentences=256)
    assert one.details == "2 epochs, bits 3, group 128"
    assert variant(group=64, sentences=256).details == "2 epochs"
    assert one.batch_invariant
    with pytest.raises(EdgeminError, match="multiple of 16, the embeddings have 24"):
        one.check(Shape(heads=(2,), head_dim=8, embedding=24))
    with pytest.raises(EdgeminError, match=r"skip: 'layer\.9' is no linear layer"):
        trained(skip=["layer.9"])
