"""Fake quantization: what it computes, what gradients it passes, and that the integer graph does the same."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
import torch
from graphs import answers
from onnx import numpy_helper
from pydantic import TypeAdapter, ValidationError
from torch import nn

from edgemin.core.files import read_json
from edgemin.core.provenance import write_provenance
from edgemin.encoders.onnx_export import export, random_inputs
from edgemin.methods.distill.teachers import TeacherFiles
from edgemin.methods.quantize.inputs import QuantizeInputs
from edgemin.methods.quantize.ranges import input_ranges
from edgemin.methods.quantize.stage import quantize
from edgemin.methods.schemes.int8_qat import Int8Qat
from edgemin.methods.schemes.int8_qat.fake_quant import FakeQuant, fake_quant_activation, fake_quant_weight
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import activation_parameters, weight_parameters
from edgemin.methods.schemes.int8_static.in_onnxruntime import quantize as quantize_graph
from edgemin.study.registry import FAMILIES
from edgemin.study.runtime import open_model
from edgemin.study.variants import AnyQuantize
from edgemin.training.run import Files

LEARN = {"epochs": 2, "learning_rate": 1e-3, "batch_size": 16, "terms": [{"objective": "labels"}]}


def variant(**keys) -> Int8Qat:
    found = TypeAdapter(AnyQuantize).validate_python({"scheme": "int8_qat", "backend": "onnxruntime", "learn": LEARN, **keys})
    assert isinstance(found, Int8Qat)
    return found


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.55), (0.0, 2.0), (-3.0, 0.0), (-0.7, 0.2)])
def test_activations_are_rounded_as_the_graph_rounds_them(low, high):
    x = torch.linspace(-4, 4, 1001)
    scale, zero = activation_parameters(low, high)
    codes = np.clip(np.rint(x.numpy() / scale) + float(zero), 0, 255)
    expected = (codes - float(zero)) * scale
    found = fake_quant_activation(x, torch.tensor(low), torch.tensor(high)).numpy()
    assert np.abs(found - expected).max() <= scale * 1.001  # a half is rounded one way or the other
    assert np.mean(np.abs(found - expected) < 1e-5) > 0.98
    assert 0.0 in fake_quant_activation(torch.zeros(1), torch.tensor(low), torch.tensor(high)).tolist()


@pytest.mark.parametrize("per_channel", [True, False])
def test_weights_are_rounded_as_the_graph_rounds_them(per_channel):
    weight = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    weight[3] = 0
    codes, scale = weight_parameters(weight.numpy().T, per_channel)
    torch.testing.assert_close(fake_quant_weight(weight, per_channel), torch.from_numpy((codes * scale).T), rtol=0, atol=1e-6)


def test_the_gradient_passes_inside_the_range_and_not_outside():
    x = torch.tensor([-2.0, -0.9, 0.0, 0.4, 1.4, 3.0, 5.0], requires_grad=True)
    low, high = torch.tensor(-1.0, requires_grad=True), torch.tensor(1.5, requires_grad=True)
    fake_quant_activation(x, low, high).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0, 0]
    assert high.grad == pytest.approx(2, abs=0.05)  # two values were clipped at that end, one at the other
    assert low.grad == pytest.approx(1, abs=0.05)
    weight = torch.randn(3, 4, requires_grad=True)
    fake_quant_weight(weight, True).sum().backward()
    assert torch.equal(weight.grad, torch.ones(3, 4))


def batches(model, count: int = 3):
    return [{"inputs": random_inputs(model, 4, 9, seed), "labels": torch.zeros(4, dtype=torch.long)} for seed in range(count)]


@pytest.mark.parametrize("family", FAMILIES.names())
def test_the_integer_graph_computes_what_the_fake_quantized_model_does(tiny, family, tmp_path):
    model = tiny(family).eval()
    static = Int8Static(scheme="int8_static", backend="onnxruntime", embeddings=False)
    found = input_ranges(model, batches(model), static)
    fake = FakeQuant(model, variant(), found).eval()
    inputs = random_inputs(model, 3, 9, seed=5)
    with torch.no_grad():
        expected = model(**inputs).logits
        fake.remove()
        plain = model(**inputs).logits
    export(copy.deepcopy(model), tmp_path / "float.onnx")
    quantize_graph(tmp_path / "float.onnx", tmp_path / "model.onnx", static, found)
    write_provenance(tmp_path, spec={})
    arrays = {name: values.numpy() for name, values in inputs.items()}
    rounding = float((expected - plain).abs().max())
    assert rounding > 1e-3
    for answered in answers(tmp_path, arrays).values():
        assert np.abs(answered - expected.numpy()).max() < max(0.5 * rounding, 0.02)  # a value between two codes goes either way


def test_the_head_is_shipped_as_it_was_trained(tiny, tmp_path):
    """Not rounded in training, nor in the graph: in what a model without other rounding answers, nothing is left of INT8."""
    model = tiny().eval()
    everything = ["bert.encoder"]
    static = Int8Static(scheme="int8_static", backend="onnxruntime", embeddings=False, skip=everything)
    found = input_ranges(model, batches(model), static)
    fake = FakeQuant(model, variant(skip=everything), found).eval()
    assert fake.ranges() == {}
    inputs = random_inputs(model, 3, 9, seed=5)
    with torch.no_grad():
        expected = model(**inputs).logits.numpy()
    fake.remove()
    export(copy.deepcopy(model), tmp_path / "float.onnx")
    quantize_graph(tmp_path / "float.onnx", tmp_path / "model.onnx", static, found)
    write_provenance(tmp_path, spec={})
    for answered in answers(tmp_path, {name: values.numpy() for name, values in inputs.items()}).values():
        assert np.abs(answered - expected).max() < 1e-5


def test_training_rounds_to_a_reduced_range_as_the_graph_does():
    weight = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    codes, scale = weight_parameters(weight.numpy().T, True, reduce_range=True)
    assert np.abs(codes).max() == 64
    torch.testing.assert_close(
        fake_quant_weight(weight, True, reduce_range=True), torch.from_numpy((codes * scale).T), rtol=0, atol=1e-6
    )


def test_ranges_follow_what_is_seen_and_padding_does_not_count(tiny):
    model = tiny().train()
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    fake = FakeQuant(model, variant(momentum=0.5), dict.fromkeys(names, (-100.0, 100.0))).train()
    for _ in range(12):
        model(**random_inputs(model, 3, 9, seed=1))
    spans = {name: high - low for name, (low, high) in fake.ranges().items()}
    assert max(spans.values()) < 30
    before = fake.ranges()
    model.eval()  # as validation does
    model(**random_inputs(model, 3, 9, seed=2))
    assert fake.ranges() == before
    fake.remove()
    assert not [name for name, module in model.named_modules() if "forward" in vars(module) and isinstance(module, nn.Linear)]


def test_learned_ranges_move_and_averages_have_no_gradient(tiny):
    model = tiny().train()
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    for kind, learned in (("learned", True), ("ema", False)):
        fake = FakeQuant(model, variant(ranges=kind), dict.fromkeys(names, (-0.5, 0.5)))
        assert fake.ends.requires_grad is learned
        model(**random_inputs(model, 3, 9, seed=1)).logits.sum().backward()
        assert (fake.ends.grad is not None and bool(fake.ends.grad.any())) is learned
        fake.remove()


@pytest.mark.parametrize("ranges", ["ema", "learned"])
def test_a_job_trains_and_writes_an_integer_graph(tiny, save, tokens, tmp_path, ranges):
    parent = save(tiny(), tmp_path / "parent")
    spec = {"variant": variant(ranges=ranges, skip=["layer.0.attention"]).model_dump(mode="json"), "seed": 0}
    spec |= {"metric": "accuracy", "precision": "fp32", "threads": 1}
    out = tmp_path / "out"
    train, validation = (tokens / f"{split}.arrow" for split in ("train", "validation"))
    training = Files(train, validation, out, tmp_path / "scratch"), TeacherFiles(parent, train)
    quantize(QuantizeInputs(parent, out, spec, train, training))
    assert {path.name for path in out.iterdir()} >= {
        "model.onnx",
        "config.json",
        "history.json",
        "tokenizer.json",
        "provenance.json",
    }
    assert not (out / "float.onnx").exists()
    history = read_json(out / "history.json")
    assert len(history["phases"]) == 1
    assert len(history["ranges"]) == 6 + 6 - 4
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(out / "model.onnx").graph.initializer}
    quantized = [name for name in tensors if name.endswith(".weight.T_quantized")]
    assert len(quantized) == 8
    weight = "bert.encoder.layer.1.output.dense.weight.T"
    assert not np.array_equal(
        np.rint(tensors[f"{weight}_quantized"] * tensors[f"{weight}_scale"] * 1e3),
        np.rint(tiny().bert.encoder.layer[1].output.dense.weight.detach().numpy().T * 1e3),
    )  # it was trained
    assert np.isfinite(
        open_model(out, "onnxruntime", 1)({name: x.numpy() for name, x in random_inputs(tiny(), 2, 5, 0).items()})
    ).all()
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("keys", [{"learn": {"terms": []}}, {"backend": "torch"}, {"ranges": "none"}, {"momentum": 1}])
def test_bad_keys_are_refused(keys):
    with pytest.raises(ValidationError):
        variant(**keys)
