"""Hidden states, attention scores, queries, keys and values out of hooks, against what the models give out themselves."""

from __future__ import annotations

import pytest
import torch

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import layers_of
from edgemin.encoders.onnx_export import random_inputs
from edgemin.encoders.surgery import keep_heads
from edgemin.methods.distill.capture import PROJECTIONS, Capture, layer_number
from edgemin.methods.objectives.minilm.loss import attention_kl
from edgemin.study.family import family_of
from edgemin.study.registry import FAMILIES

KEEP = ((0, 2, 3), (1,))
ROUNDING = 1e-5  # float32, sums of tens of terms of order 1


def forward(model, capture: Capture, seed: int = 0, **asked):
    """inputs, outputs: two texts of seven tokens, four of the second's padded."""
    inputs = random_inputs(model, 2, 7, seed)
    with torch.no_grad():
        outputs = model(**inputs, **asked)
    capture.remove()
    return inputs, outputs


@pytest.mark.parametrize("family", FAMILIES.names())
def test_captured_projections_are_the_linear_outputs(tiny, family):
    """x W^T + b of the layer's input, all heads side by side; gone after `remove`."""
    model = tiny(family)
    keep_heads(model, KEEP)
    capture = Capture(model, [1])
    _, outputs = forward(model, capture, output_hidden_states=True)
    with torch.no_grad():
        for projection in PROJECTIONS:
            linear = layers_of(model)[1].get_submodule(getattr(family_of(model.config), projection))
            expected = outputs.hidden_states[1] @ linear.weight.T + linear.bias
            assert expected.shape == (2, 7, 4)
            torch.testing.assert_close(capture[1, projection], expected, rtol=0, atol=ROUNDING)
    before = capture[1, "query"]
    forward(model, capture, seed=1)
    assert capture[1, "query"] is before


@pytest.mark.parametrize("family", FAMILIES.names())
def test_captured_hidden_states_are_the_models_own(tiny, family):
    """0 is what enters the first layer: for ELECTRA, after its embeddings were projected from 8 to 16."""
    model = tiny(family)
    capture = Capture(model, hidden=True)
    _, outputs = forward(model, capture, output_hidden_states=True)
    assert len(outputs.hidden_states) == 3
    for number, expected in enumerate(outputs.hidden_states):
        assert expected.shape == (2, 7, 16)
        assert torch.equal(capture.hidden(number), expected)


@pytest.mark.parametrize("keep", [None, KEEP], ids=["whole", "pruned"])
@pytest.mark.parametrize("family", FAMILIES.names())
def test_softmaxed_scores_are_the_models_attention(tiny, family, keep):
    """With padded keys masked; MPNet's position bias, of the kept heads, is part of the scores."""
    model = tiny(family)
    if family != "mpnet":  # which has no other
        model.set_attn_implementation("eager")
    if keep:
        keep_heads(model, keep)
    capture = Capture(model, range(2))
    inputs, outputs = forward(model, capture, output_attentions=True)
    padded = inputs["attention_mask"][:, None, :, None] == 0
    for layer, attention_BHQK in enumerate(outputs.attentions):
        scores_BQKH = capture.scores(layer)
        assert scores_BQKH.shape == (2, 7, 7, len(keep[layer]) if keep else 4)
        found = scores_BQKH.masked_fill(padded, -torch.inf).softmax(2).permute(0, 3, 1, 2)
        torch.testing.assert_close(found, attention_BHQK, rtol=0, atol=ROUNDING)


def test_scores_without_their_position_bias_would_be_others(tiny):
    """So that the test above does see the bias: here it is of order 0.3, and the head that is kept has its own."""
    model = tiny("mpnet")
    keep_heads(model, KEEP)
    capture = Capture(model, [1])
    forward(model, capture)
    query, key = (capture[1, name] for name in ("query", "key"))  # one head of width 4
    bias = capture.scores(1)[..., 0] - query @ key.transpose(1, 2) / 2
    all_heads = model.mpnet.encoder.compute_position_bias(query)
    torch.testing.assert_close(bias, all_heads[:, 1].expand(2, 7, 7), rtol=0, atol=ROUNDING)
    assert bias.abs().max() > 0.1
    assert (bias - all_heads[:, 0]).abs().max() > 0.1


def test_attention_kl_is_that_of_the_attention_probabilities(tiny):
    """sum_k t (log t - log s) of two BERTs' own probabilities, over heads and real queries, then over texts."""
    probabilities, scores = [], []
    for seed in range(2):
        model = tiny(seed=seed)
        model.set_attn_implementation("eager")
        model.bert.encoder.layer[1].attention.self.query.weight.data *= 16  # attention of some contrast
        capture = Capture(model, [1])
        inputs, outputs = forward(model, capture, output_attentions=True)
        probabilities.append(outputs.attentions[1].double())
        scores.append(capture.scores(1))
    student, teacher = probabilities
    kl_BHQ = torch.special.xlogy(teacher, teacher / student.clamp(min=1e-300)).sum(-1)  # 0 where a key is padded
    texts = [kl_BHQ[row, :, : int(length)].mean() for row, length in enumerate(inputs["attention_mask"].sum(1))]
    found = attention_kl(*scores, inputs["attention_mask"])
    assert found.item() == pytest.approx(torch.stack(texts).mean().item(), abs=ROUNDING)
    assert found > 0.1


def test_last_is_the_last_layer(tiny):
    assert [layer_number(tiny(), layer, "key") for layer in ("last", 0, 1)] == [1, 0, 1]
    with pytest.raises(EdgeminError, match=r"^key: layer 2 does not exist; the model has layers 0 to 1"):
        layer_number(tiny(), 2, "key")
