"""Scales, codes and ranges by hand; ranges of activations over sentences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgemin.methods.quantize import ranges
from edgemin.methods.quantize.calibration import sentences
from edgemin.methods.quantize.ranges import entropy_range, input_ranges, percentile_range
from edgemin.methods.schemes.int4.in_onnxruntime import blocks, pack
from edgemin.methods.schemes.int8_static import Int8Static
from edgemin.methods.schemes.int8_static.in_onnxruntime import activation_parameters, weight_parameters

STEP = 1.001  # rounding of float32 on top of half a step


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero"),
    [(0, 2.55, 0.01, 0), (-1, 1.55, 0.01, 100), (1, 2.55, 0.01, 0), (-2.55, -1, 0.01, 255), (0, 0, 1, 0)],
)
def test_activation_parameters_by_hand(low, high, scale, zero):
    assert activation_parameters(low, high) == (pytest.approx(scale), zero)


def test_weights_are_rounded_to_127_steps_a_column():
    values = np.array([[1.27, -0.5], [0.004, 2.54], [0, 0]], np.float32)
    codes, scale = weight_parameters(values, per_channel=True)
    assert scale == pytest.approx([0.01, 0.02])
    assert codes.tolist() == [[127, -25], [0, 127], [0, 0]]
    codes, scale = weight_parameters(values, per_channel=False)
    assert (scale, codes[0, 0]) == (pytest.approx(0.02), 64)  # 63.5 to even


def test_groups_of_four_bits_by_hand():
    """The value of largest size is met exactly, so is zero; scales are it over -8."""
    values = np.array([[0.8, -0.1, 0.0, 0.35, -1.6, 0.2]], np.float32)
    codes, scales = blocks(values, 4)
    assert scales.tolist() == [pytest.approx([-0.1, 0.2])]
    assert codes.tolist() == [[[0, 9, 8, 4], [0, 9, 8, 8]]]  # 0.35 / -0.1 = -3.5 to even; the second group is padded
    assert pack(codes).tolist() == [[[0 | 9 << 4, 8 | 4 << 4], [0 | 9 << 4, 8 | 8 << 4]]]


@pytest.mark.parametrize("size", [16, 32])
def test_the_error_of_a_group_is_at_most_its_step(size):
    """Half a step, but a whole one opposite to the largest value, where 15 - 8 = 7 steps are all there are."""
    values = np.random.default_rng(0).normal(size=(7, 50)).astype(np.float32)
    codes, scales = blocks(values, size)
    back = ((codes.astype(np.float32) - 8) * scales[..., None]).reshape(7, -1)[:, :50]
    steps = np.repeat(np.abs(scales), size, axis=1)[:, :50]
    assert (np.abs(back - values) <= steps * STEP).all()
    assert np.median(np.abs(back - values) / steps) < 0.3


def test_ranges_of_a_histogram_by_hand():
    counts = np.array([1, 1, 1, 7, 7, 1, 1, 1.0])  # eight bins from -4 to 4, of 20 values; 10 % go on either side
    assert percentile_range(counts, (-4, 4), 80) == pytest.approx((-2, 2))
    assert percentile_range(counts, (0, 8), 80) == pytest.approx((0, 6))
    assert percentile_range(np.array([0, 1.0]), (0, 2), 90) == pytest.approx((0, 1.95))


def test_the_entropy_method_cuts_a_lonely_outlier_and_no_plateau():
    even = np.ones(2048)
    assert entropy_range(even, (-1, 1)) == pytest.approx((-1, 1), abs=0.05)
    normal = np.histogram(np.random.default_rng(0).normal(size=200_000), 2048, (-40, 40))[0].astype(float)
    normal[-1] = 1  # at 40 standard deviations
    low, high = entropy_range(normal, (-40, 40))
    assert 2.5 < high < 12
    assert low == -high


def test_an_empty_bin_at_the_edge_rejects_no_range():
    """A gap at the edge of a candidate made its divergence infinite, so that a range without gaps, the widest, won.

    A normal distribution with an outlier at 40 standard deviations: beyond 5 nearly all bins are empty.
    """
    counts = np.histogram(np.random.default_rng(0).normal(size=200_000), 2048, (-40, 40))[0].astype(float)
    counts[-1] = 1
    edges = np.linspace(-40, 40, 2049)
    middles = (edges[:-1] + edges[1:]) / 2
    for share in np.linspace(0.02, 1, 99):
        assert np.isfinite(ranges._divergence(counts, middles, -40 * share, 40 * share)), share


def test_the_divergence_of_a_histogram_by_hand():
    """Two bins share a level where there are more bins than levels: 1 and 3 become 2 and 2, of 4 in all; three quarters and a quarter,
    compared with halves, give 3/4 log(3/2) + 1/4 log(1/2)."""
    counts = np.zeros(512)
    counts[1:3] = [1, 3]
    middles = np.arange(512) + 0.5
    found = ranges._divergence(counts, middles, 0.0, 512.0)
    assert found == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5), abs=0.05)  # 510 empty bins have 1e-4 each


def test_every_linear_layer_has_a_range_and_padding_none(tiny, tokens, source):
    model, batches = tiny(), sentences(tokens / "train.arrow", source, 64, 0)
    config = Int8Static(scheme="int8_static", backend="onnxruntime")
    found = input_ranges(model, batches, config)
    assert set(found) == {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    seen = torch.cat([hidden(model, batch)[batch["inputs"]["attention_mask"].bool()] for batch in batches])
    assert found["bert.encoder.layer.0.attention.self.query"] == pytest.approx((float(seen.min()), float(seen.max())), rel=1e-6)
    narrow = input_ranges(model, batches, config.model_copy(update={"calibration": "percentile", "percentile": 90.0}))
    for name, (low, high) in narrow.items():
        assert found[name][0] <= low <= 0 <= high <= found[name][1]
    assert sum(high - low for low, high in narrow.values()) < 0.9 * sum(high - low for low, high in found.values())


def hidden(model, batch) -> torch.Tensor:
    with torch.no_grad():
        return model.bert.embeddings(input_ids=batch["inputs"]["input_ids"], token_type_ids=batch["inputs"]["token_type_ids"])


def test_as_many_sentences_are_drawn_as_are_asked_for(tokens, source):
    """Of 96; the first draws are those of a smaller number too."""
    file = tokens / "train.arrow"
    assert [len(batch["labels"]) for batch in sentences(file, source, 70, 3)] == [32, 32, 6]
    one, other = (sentences(file, source, count, 3)[0]["inputs"]["input_ids"] for count in (32, 96))
    assert torch.equal(one, other)
    assert not torch.equal(one, sentences(file, source, 32, 4)[0]["inputs"]["input_ids"])


def test_fewer_sentences_do(tokens, source):
    found = sentences(tokens / "train.arrow", source, 5000, 0)
    assert sum(len(batch["labels"]) for batch in found) == 96
