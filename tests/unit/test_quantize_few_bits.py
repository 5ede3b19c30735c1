"""Weights of 8, 4, 3 and 2 bits: scales, codes, bytes, gradients, and graphs that compute what the codes say."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from pydantic import TypeAdapter

from edgemin.core.errors import EdgeminError
from edgemin.core.provenance import write_provenance
from edgemin.encoders.onnx_export import export, random_inputs
from edgemin.methods.schemes.few_bits import FewBits
from edgemin.methods.schemes.few_bits.groups import Groups, encode, fit, pack, planes, split
from edgemin.methods.schemes.few_bits.in_onnxruntime import quantize, table_group
from edgemin.methods.schemes.few_bits_qat import FewBitsQat
from edgemin.methods.schemes.few_bits_qat.learned import LearnedScales, rounded
from edgemin.report.tables.parameters import NOTE
from edgemin.runtimes.onnxruntime.stored import nonzero
from edgemin.study.runtime import open_model
from edgemin.study.structure import Shape
from edgemin.study.variants import AnyQuantize

LEARN = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 16, "terms": [{"objective": "labels"}]}
ROUNDING = 0.02
"""Share of the largest logit that the kernel's own 8-bit activations may move an answer by."""


def few(**keys) -> FewBits:
    return FewBits(scheme="few_bits", backend="onnxruntime", **keys)


def trained(**keys) -> FewBitsQat:
    found = TypeAdapter(AnyQuantize).validate_python({"scheme": "few_bits_qat", "backend": "onnxruntime", "learn": LEARN, **keys})
    assert isinstance(found, FewBitsQat)
    return found


def gaussian(rows: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, width)).astype(np.float32)


@pytest.mark.parametrize(("bits", "zero_point"), itertools.product([8, 4, 3, 2], [False, True]))
def test_what_codes_can_say_is_said_exactly(bits, zero_point):
    """Every code once, times a scale: nothing is left of the error."""
    steps = np.resize(np.arange(2**bits), 256) - (3 if zero_point and bits > 2 else 2 ** (bits - 1))
    weights = (0.25 * steps).astype(np.float32)[None]
    found = fit(weights, bits, 128 if bits < 8 else 64, zero_point)
    if bits < 8:
        np.testing.assert_allclose(found.values(), weights, atol=1e-6)
    assert np.abs(found.values() - weights).max() <= 0.5 * np.abs(found.scales).max() + 1e-6


def test_two_bits_have_three_steps_on_one_side_and_choose_it():
    """-2, -1, 0 and 1 times a scale of either sign."""
    one = fit(np.resize(np.float32([2, 1, 0, -1]), (1, 16)), 2, 16, False)
    assert one.scales.tolist() == [[-1.0]]
    assert one.codes[0, 0, :4].tolist() == [0, 1, 2, 3]
    assert one.zeros.tolist() == [[2]]


def test_the_scale_is_that_of_least_squares():
    """w = 3 and ten times 1 in 2 bits: among -2, -1, 0 and 1 times s, {3 -> -2, 1 -> -1} has s = -(6 + 15) / (4 + 15)."""
    weights = np.float32([3] + [1] * 15)[None]
    found = fit(weights, 2, 16, False)
    assert found.scales[0, 0] == pytest.approx(-21 / 19)
    assert np.square(weights - found.values()).sum() == pytest.approx(9 + 15 - 21**2 / 19, rel=1e-5)


@pytest.mark.parametrize("bits", [4, 3, 2])
def test_clipping_beats_the_largest_value_on_gaussian_weights(bits):
    weights = gaussian(64, 128)
    widest = np.abs(split(weights, 32)).max(-1) / 2 ** (bits - 1)
    plain = encode(weights, 32, widest, np.full(widest.shape, 2 ** (bits - 1)), bits)
    errors = [np.square(weights - one.values()).mean() for one in (fit(weights, bits, 32, False), plain)]
    assert errors[0] < 0.95 * errors[1]
    # the best uniform quantizer of a Gaussian, all groups with one scale (Max 1960, table II: 4, 8 and 16 levels, symmetric)
    assert errors[0] < {2: 0.1188, 3: 0.03744, 4: 0.01154}[bits] * 1.05


def test_zeros_and_the_rest_of_a_row_stay_zero():
    weights = np.zeros((2, 20), np.float32)
    weights[1, 17] = -0.5
    for bits, zero_point in itertools.product([8, 4, 3, 2], [False, True]):
        found = fit(weights, bits, 16, zero_point)
        assert found.codes.shape == (2, 2, 16)
        np.testing.assert_allclose(found.values(), weights, atol=1e-6)
        assert (found.codes[:, 1, 4:] == found.zeros[:, 1:]).all()


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_codes_are_packed_lowest_first(bits):
    codes = np.random.default_rng(0).integers(0, 2**bits, (3, 2, 16)).astype(np.uint8)
    packed = pack(codes, bits)
    assert packed.shape == (3, 2, 2 * bits)
    again = np.stack([packed >> place & (2**bits - 1) for place in range(0, 8, bits)], -1).reshape(codes.shape)
    assert (again == codes).all()
    assert pack(np.uint8([1, 2, 3]), 2).tolist() == [1 + 2 * 4 + 3 * 16]


def test_planes_hold_a_bit_each():
    assert planes(np.uint8([5, 0, 0, 0, 0, 0, 0, 3]), 3).tolist() == [[1 + 128], [128], [1]]
    codes = np.random.default_rng(0).integers(0, 8, (4, 3, 16)).astype(np.uint8)
    found = planes(codes, 3)
    assert found.size == codes.size * 3 // 8
    bits = np.unpackbits(found, axis=-1, bitorder="little")
    assert (codes.ravel() == bits.T @ [1, 2, 4]).all()


def test_the_gradient_of_a_learned_scale():
    """2 bits, z = 2, scale 0.5: w / s is -6, -0.8, 0.4 and 3. Steps are -2, -1, 0 and 1, of which the ends are clipped."""
    w = torch.tensor([[-3.0, -0.4, 0.2, 1.5]], requires_grad=True)
    s = torch.tensor([[0.5]], requires_grad=True)
    out = rounded(w, s, torch.tensor([[2.0]]), 2)
    assert out.tolist() == [[-1.0, -0.5, 0.0, 0.5]]
    out.backward(torch.tensor([[1.0, 10.0, 100.0, 1000.0]]))
    assert w.grad.tolist() == [[0, 10, 100, 0]]
    by_hand = (-2 * 1 + (-1 + 0.8) * 10 + (0 - 0.4) * 100 + 1 * 1000) / (4 * 1) ** 0.5
    assert s.grad.item() == pytest.approx(by_hand, rel=1e-5)
    w, s = torch.ones(1, 16, requires_grad=True), torch.tensor([[0.5]], requires_grad=True)
    rounded(w, s, torch.tensor([[4.0]]), 3).sum().backward()  # on a step: the scale has no error to answer for
    assert (w.grad == 1).all()
    assert s.grad.item() == 0


def test_a_graph_computes_with_the_unpacked_weights(tiny, tmp_path):
    """In PyTorch the weights that the codes say, in the graph the codes. Its matrices have the bytes of codes and scales."""
    floats = tiny().eval()
    export(copy.deepcopy(floats), tmp_path / "float.onnx")
    inputs = random_inputs(floats, 3, 9, seed=5)
    for bits, zero_point in itertools.product([8, 4, 3, 2], [False, True]):
        model, folder = copy.deepcopy(floats), tmp_path / f"{bits}{zero_point}"
        folder.mkdir()
        variant = few(bits=bits, group=16, embeddings=None if bits == 3 else bits, zero_point=zero_point)
        quantize(tmp_path / "float.onnx", folder / "model.onnx", variant)
        write_provenance(folder, spec={})
        tensors = {one.name: numpy_helper.to_array(one) for one in onnx.load(folder / "model.onnx").graph.initializer}
        with torch.no_grad():
            plain = model(**inputs).logits
            for name, module in model.named_modules():
                table = isinstance(module, torch.nn.Embedding) and bits != 3
                if table or isinstance(module, torch.nn.Linear):
                    found = fit(module.weight.numpy(), bits, 16, zero_point)
                    module.weight.copy_(torch.from_numpy(found.values()))
                    check_bytes(tensors, f"{name}.weight", found)
            expected = model(**inputs).logits
        if bits < 8:
            assert float((expected - plain).abs().max()) > 1e-3
        answered = open_model(folder, "onnxruntime", 1)({name: values.numpy() for name, values in inputs.items()})
        assert np.abs(answered - expected.numpy()).max() < (1e-5 if bits == 3 else ROUNDING * expected.abs().max())


def test_nonzero_is_that_of_the_floats_and_the_table_says_so(tiny, tmp_path):
    """Codes are not counted: for a linear layer the graph says nothing, so the size has the weights of the float parent."""
    model = tiny().eval()
    export(model, tmp_path / "float.onnx")
    quantize(tmp_path / "float.onnx", tmp_path / "model.onnx", few(bits=2, group=16))
    counted = nonzero(tmp_path / "model.onnx", {name: one.numel() for name, one in model.named_parameters()})
    linear = {f"{name}.weight" for name, one in model.named_modules() if isinstance(one, torch.nn.Linear)}
    assert linear
    assert not linear & set(counted)
    said = (
        "of weights that `few_bits` or `int8_packed`, also trained, pack into codes, those of the float parent that are not zero"
    )
    assert said in NOTE


def check_bytes(tensors, weight: str, found: Groups) -> None:
    """Codes of so many bits, a float32 for each group, and no float of the matrix itself."""
    name = next(name for name in (weight, f"{weight}.T") if f"{name}_scales" in tensors)
    (codes,) = (tensors[f"{name}_{one}"] for one in ("codes", "planes") if f"{name}_{one}" in tensors)
    assert codes.nbytes == found.codes.size * found.bits // 8
    assert tensors[f"{name}_scales"].nbytes == 4 * found.scales.size
    assert not {weight, f"{weight}.T"} & set(tensors)


@pytest.mark.parametrize("family", ["bert", "electra", "mpnet"])
def test_the_graph_computes_what_was_trained(tiny, family, tmp_path):
    model = tiny(family).eval()
    wide = family != "electra"  # whose tables have a width of 8 here
    variant = trained(bits=3, group=16, embeddings=4 if wide else None)
    learned = LearnedScales(model, variant)
    with torch.no_grad():
        for matrix in learned.matrices:
            matrix.share.mul_(1.1)  # as if they had been learned
    inputs = random_inputs(model, 3, 9, seed=5)
    with torch.no_grad():
        expected = model(**inputs).logits.numpy()
    learned.remove()
    assert not [name for name, module in model.named_modules() if "forward" in vars(module)]
    export(copy.deepcopy(model), tmp_path / "float.onnx")
    quantize(tmp_path / "float.onnx", tmp_path / "model.onnx", variant.rounding, learned.scales())
    write_provenance(tmp_path, spec={})
    answered = open_model(tmp_path, "onnxruntime", 1)({name: values.numpy() for name, values in inputs.items()})
    np.testing.assert_allclose(answered, expected, atol=1e-5)


def test_scales_are_learned_from_where_the_search_left_them(tiny):
    model = tiny().train()
    variant = trained(bits=2, group=16, skip=["classifier"], scale_learning_rate=0.01)
    learned = LearnedScales(model, variant)
    before = learned.scales()
    assert "classifier" not in before
    weight = model.bert.pooler.dense.weight.detach().numpy()
    np.testing.assert_allclose(before["bert.pooler.dense"][0], fit(weight, 2, 16, False).scales, rtol=1e-6)
    optimiser = torch.optim.Adam(learned.parameters(), lr=LEARN["learning_rate"])
    model(**random_inputs(model, 3, 9, seed=1)).logits.sum().backward()
    optimiser.step()  # Adam's first step is its learning rate, in the direction of the gradient
    after = learned.scales()["bert.pooler.dense"][0]
    moved = np.abs(after / before["bert.pooler.dense"][0] - 1)
    assert moved.max() == pytest.approx(0.01, rel=1e-3)


def test_tables_take_the_largest_group_that_divides_them():
    assert table_group("bert.embeddings.word_embeddings", 48, 128) == 16
    assert table_group("bert.embeddings.word_embeddings", 384, 128) == 128
    assert table_group("mpnet.encoder.relative_attention_bias", 12, 32) is None
    with pytest.raises(EdgeminError, match=r"embeddings: need a width that is a multiple of 16, .* has 20"):
        table_group("bert.embeddings.word_embeddings", 20, 32)
    for variant in (few(embeddings=4), trained(embeddings=4)):
        with pytest.raises(EdgeminError, match="multiple of 16, the embeddings have 20"):
            variant.check(Shape((2,), 10, embedding=20))
        variant.check(Shape((2,), 16, embedding=32))


def test_tables_say_what_is_simulated():
    assert few(bits=2, group=64, embeddings=4).details == "2 bits, groups of 64, embeddings 4 bits"
    assert few(bits=3, skip=["classifier"]).details == "3 bits, groups of 32, fp32: classifier; simulated: computes in fp32"
    assert trained(bits=4, zero_point=True).details == "1 epochs, 4 bits, groups of 32, zero points"
