"""Cutting the hidden width: against a full model whose LayerNorms see the kept dimensions alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.encoders.onnx_export import random_inputs
from edgemin.encoders.surgery import keep_heads, keep_neurons
from edgemin.encoders.width import hidden_slices, keep_width
from edgemin.methods.criteria.magnitude import score as magnitude
from edgemin.study.registry import FAMILIES
from edgemin.study.structure import Structure

KEEP = [0, 1, 2, 3, 4, 6, 7, 9, 11, 12, 14, 15]


class NormOfKept(nn.Module):
    """LayerNorm over the kept dimensions; the others come out as zero."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.zeros_like(x)
        kept = nn.functional.layer_norm(x[..., KEEP], (len(KEEP),), self.norm.weight[KEEP], self.norm.bias[KEEP], self.norm.eps)
        out[..., KEEP] = kept
        return out


def masked(model):
    """The same cut by masks: LayerNorms of the hidden states, and what the pooler or the classifier's first matrix hands on."""
    gate = torch.zeros(16)
    gate[KEEP] = 1
    for owner, attribute, side in list(hidden_slices(model)):
        if side == "norm":
            setattr(owner, attribute, NormOfKept(getattr(owner, attribute)))
        elif side == "columns" and attribute in ("classifier", "out_proj"):
            getattr(owner, attribute).register_forward_pre_hook(lambda module, x: (x[0] * gate,))
        elif side == "entry":
            getattr(owner, attribute).register_forward_hook(lambda module, x, y: y * gate)
    return model


@pytest.mark.parametrize("family", FAMILIES.names())
def test_sliced_is_masked(tiny, family, tmp_path, save):
    """With heads and neurons cut too; and the checkpoint comes back as it was."""
    full, cut = tiny(family), tiny(family)
    for model in (full, cut):
        keep_heads(model, [[0, 2, 3], [1]])
        keep_neurons(model, [list(range(20)), list(range(8))])
    inputs = random_inputs(full, 3, 9, seed=1)
    keep_width(cut, KEEP)
    expected = masked(full)(**inputs).logits
    torch.testing.assert_close(cut(**inputs).logits, expected, rtol=0, atol=1e-5)  # float32
    assert Structure.of(cut.config).head_dim == 4
    loaded = checkpoint.load(save(cut, tmp_path / "cut"))
    assert torch.equal(loaded(**inputs).logits, cut(**inputs).logits)


@pytest.mark.parametrize("family", FAMILIES.names())
def test_every_parameter_with_the_width_is_cut(tiny, family):
    """By count: dimensions of 16 that are hidden ones become 12. Projections of Q, K, V are 16 high for another reason."""
    model = tiny(family)
    before = {name: tuple(value.shape) for name, value in model.named_parameters()}
    keep_width(model, KEEP)
    for name, value in model.named_parameters():
        old = before[name]
        if "relative_attention_bias" in name or (family == "electra" and "embeddings." in name):
            assert tuple(value.shape) == old
            continue
        makes_heads = any(part in name for part in ("query", "key", "value", "q_lin", "k_lin", "v_lin", ".q.", ".k.", ".v."))
        expected = list(old)
        for place, size in enumerate(old):
            reads_heads = place == 1 and any(part in name for part in ("attention.output.dense", "out_lin", ".o."))
            if size == 16 and not (makes_heads and place == 0) and not reads_heads:
                expected[place] = 12
        assert list(value.shape) == expected, name


@pytest.mark.parametrize("family", FAMILIES.names())
def test_magnitude_sees_every_slice(tiny, family):
    """Raise one dimension's weights everywhere, and its score rises by that factor alone."""
    model = tiny(family)
    before = magnitude.width(model)
    with torch.no_grad():
        for owner, attribute, side in hidden_slices(model):
            weight = getattr(owner, attribute).weight
            if side in ("rows", "both", "entry"):
                weight[5] *= 4
            if side in ("columns", "embedding", "both"):
                weight[:, 5] *= 4
            if side == "both":
                weight[5, 5] /= 4  # met twice
            if side == "norm":
                weight[5] *= 4
    after = magnitude.width(model)
    assert float(after[5] / before[5]) == pytest.approx(4, rel=1e-6)


def test_embeddings_as_wide_as_the_hidden_states_are_cut_with_them(tiny, tmp_path, save):
    """ELECTRA's have no projection then, and its config says both widths."""
    full, cut = (tiny("electra", embedding_size=16) for _ in range(2))
    inputs = random_inputs(full, 3, 9, seed=1)
    keep_width(cut, KEEP)
    torch.testing.assert_close(cut(**inputs).logits, masked(full)(**inputs).logits, rtol=0, atol=1e-5)
    assert (cut.config.hidden_size, cut.config.embedding_size) == (12, 12)
    loaded = checkpoint.load(save(cut, tmp_path / "cut"))
    assert torch.equal(loaded(**inputs).logits, cut(**inputs).logits)


def test_a_width_that_no_stock_model_has_is_refused(tiny):
    with pytest.raises(EdgeminError, match=r"a width of 7 is no multiple of the 4 heads of its config"):
        keep_width(tiny(), KEEP[:7])
    with pytest.raises(EdgeminError, match=r"a width of 8 is that of the embeddings"):
        keep_width(tiny("electra"), KEEP[:8])
