from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import layers_of
from edgemin.encoders.onnx_export import random_inputs
from edgemin.encoders.surgery import keep_heads, keep_layers, keep_neurons
from edgemin.study.family import family_of
from edgemin.study.registry import FAMILIES
from edgemin.study.structure import Structure

KEEP = ((0, 2, 3), (1,))
STOCK = {"model_type": "bert", "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 16, "intermediate_size": 24}
DOUBLE = 1e-11  # float64 rounding of sums of tens of terms, at logits of a few units, with much room


def logits(model: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(**random_inputs(model, 3, 11, seed=5)).logits


def silence(model: nn.Module, keep) -> nn.Module:
    """Multiply the contexts of all heads but those in `keep` by 0, just before the output projection."""
    for layer, heads in zip(layers_of(model), keep, strict=True):
        gate = torch.tensor([float(head in heads) for head in range(4)], dtype=torch.float64).repeat_interleave(4)
        output = layer.get_submodule(family_of(model.config).output)
        output.register_forward_pre_hook(lambda module, inputs, gate=gate: (inputs[0] * gate,))
    return model


@pytest.mark.parametrize(
    ("family", "attention"), [("bert", "sdpa"), ("bert", "eager"), *((name, None) for name in FAMILIES.names() if name != "bert")]
)
def test_a_head_that_is_cut_is_a_head_that_says_nothing(tiny, family, attention):
    model = tiny(family).double()
    if attention:
        model.set_attn_implementation(attention)
    cut, whole, silent = copy.deepcopy(model), logits(model), logits(silence(model, KEEP))
    keep_heads(cut, KEEP)
    assert (whole - silent).abs().max() > 0.01  # the heads did matter
    torch.testing.assert_close(logits(cut), silent, rtol=0, atol=DOUBLE)


@pytest.mark.parametrize("family", FAMILIES.names())
def test_a_neuron_that_is_cut_is_a_neuron_that_says_nothing(tiny, family):
    model, keep = tiny(family).double(), ([5, 0, 7, 23], list(range(0, 24, 2)))
    cut, whole = copy.deepcopy(model), logits(model)
    for layer, neurons in zip(layers_of(model), keep, strict=True):
        gate = torch.tensor([float(neuron in neurons) for neuron in range(24)], dtype=torch.float64)
        second = layer.get_submodule(family_of(model.config).ffn_out)
        second.register_forward_pre_hook(lambda module, inputs, gate=gate: (inputs[0] * gate,))
    silent = logits(model)
    keep_neurons(cut, keep)
    assert Structure.of(cut.config).intermediate == (4, 12)
    assert (whole - silent).abs().max() > 0.01  # the neurons did matter
    torch.testing.assert_close(logits(cut), silent, rtol=0, atol=DOUBLE)


@pytest.mark.parametrize("family", FAMILIES.names())
def test_a_second_cut_counts_heads_as_the_first_found_them(tiny, family):
    """Positions 1 and 2 of the heads 0, 2, 3 are the heads 2 and 3."""
    model = tiny(family).double()
    cut, silent = copy.deepcopy(model), logits(silence(model, ((2, 3), (3,))))
    keep_heads(cut, ((0, 2, 3), (1, 3)))
    keep_heads(cut, ((2, 1), (1,)))
    assert Structure.of(cut.config).heads == ((2, 3), (3,))
    torch.testing.assert_close(logits(cut), silent, rtol=0, atol=DOUBLE)


@pytest.mark.parametrize(("width", "heads", "one_head"), [(384, 12, 49_248), (768, 12, 196_800)])
def test_a_head_is_4_d_dh_plus_3_dh_parameters(tiny, width, heads, one_head):
    """Q, K and V lose rows and biases, O columns; the bias of O stays: 4 * 384 * 32 + 3 * 32 = 49,248."""
    model = tiny(hidden_size=width, num_attention_heads=heads, num_hidden_layers=1)
    before = sum(parameter.numel() for parameter in model.parameters())
    keep_heads(model, [range(1, heads)])
    assert (
        before - sum(parameter.numel() for parameter in model.parameters())
        == one_head
        == 4 * width * 32 * (width // 384) + 3 * 32 * (width // 384)
    )


def test_a_layer_keeps_a_head_and_a_neuron(tiny):
    with pytest.raises(EdgeminError, match="layer 1 would keep no head; a layer keeps at least one"):
        keep_heads(tiny(), ((0,), ()))
    with pytest.raises(EdgeminError, match="layer 1 would keep no neuron; a layer keeps at least one"):
        keep_neurons(tiny(), ((0,), ()))


@pytest.mark.parametrize("family", FAMILIES.names())
def test_kept_layers_keep_their_weights_and_their_cuts(tiny, family):
    model = tiny(family)
    keep_heads(model, KEEP)
    last = {name: tensor.clone() for name, tensor in layers_of(model)[1].state_dict().items()}
    others = {name for name in model.state_dict() if f".{FAMILIES[family].layers}." not in name}
    keep_layers(model, [1])
    assert Structure.of(model.config) == Structure((KEEP[1],), 4, (24,))
    assert {name for name in model.state_dict() if f".{FAMILIES[family].layers}." not in name} == others
    kept = layers_of(model)[0].state_dict()
    assert kept.keys() == last.keys()
    assert all(torch.equal(kept[name], last[name]) for name in last)


@pytest.mark.parametrize("family", FAMILIES.names())
def test_a_dropped_layer_is_a_layer_passed_by(tiny, family):
    """The student computes what its parent would with the input of layer 0 handed on as its output."""
    model = tiny(family)
    student = copy.deepcopy(model)
    keep_layers(student, [1])

    def hand_on(layer, args, kwargs, output):
        hidden = args[0] if args else kwargs["hidden_states"]
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    layers_of(model)[0].register_forward_hook(hand_on, with_kwargs=True)
    assert torch.equal(logits(student), logits(model))  # the very same operations


def test_a_layer_that_is_not_there_is_told(tiny):
    with pytest.raises(EdgeminError, match=r"student.layers names layer 4, the parent has layers 0 to 1"):
        keep_layers(tiny(), [0, 4])


def test_a_stock_config_means_that_nothing_was_cut(tiny):
    whole = Structure(((0, 1, 2, 3), (0, 1, 2, 3)), 4, (24, 24))
    assert Structure.of(STOCK) == whole
    assert whole.kept_heads == 8
    for family in FAMILIES.names():
        config = tiny(family).config
        assert Structure.of(config) == Structure.of(config.to_dict()) == whole
        whole.write(config)
        assert not hasattr(config, "edgemin")


@pytest.mark.parametrize("family", FAMILIES.names())
@pytest.mark.parametrize(("widths", "stock"), [((12, 12), True), ((12, 24), False)])
def test_one_ffn_width_is_a_stock_config_and_two_are_not(tiny, family, widths, stock):
    config = tiny(family).config
    narrow = Structure(((0, 1, 2, 3), (0, 1, 2, 3)), 4, widths)
    narrow.write(config)
    assert Structure.of(config) == narrow
    assert hasattr(config, "edgemin") != stock
    built = layers_of(checkpoint.build(config))
    assert tuple(layer.get_submodule(FAMILIES[family].ffn_in).out_features for layer in built) == widths


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"heads": [[0], [1]], "head_dim": 4}, "'edgemin' is damaged"),
        ({"heads": [0, 1], "head_dim": 4, "intermediate": [24, 24]}, "'edgemin' is damaged"),
        ({"heads": [[0]], "head_dim": 4, "intermediate": [24]}, "describes 1 layers, num_hidden_layers is 2"),
    ],
)
def test_a_damaged_structure_is_told(stored, message):
    with pytest.raises(EdgeminError, match=f"config.json: .*{message}"):
        Structure.of({**STOCK, "edgemin": stored})


def test_a_damaged_structure_is_told_in_the_words_of_its_config(tiny):
    stored = {"heads": [[0]], "head_dim": 4, "intermediate": [24]}
    with pytest.raises(EdgeminError, match="describes 1 layers, n_layers is 2"):
        Structure.of({**tiny("distilbert").config.to_dict(), "edgemin": stored})
