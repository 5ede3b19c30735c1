from __future__ import annotations

import inspect
from collections import Counter

import pytest
import torch
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import blocks_of, layers_of
from edgemin.encoders.onnx_export import random_inputs
from edgemin.encoders.width import hidden_slices
from edgemin.methods.distill.capture import Capture
from edgemin.study.family import family_of, hidden_width, usable_positions
from edgemin.study.registry import FAMILIES

V, P, D, M, E, L, H = 100, 48, 16, 24, 8, 2, 4  # vocabulary, positions, width, FFN, ELECTRA's embeddings, layers, heads
ATTENTION = L * (4 * (D * D + D) + 2 * D)  # Q, K, V, O and the LayerNorm after them
FFN = L * (2 * D * M + M + D + 2 * D)
REST = D * D + D + 2 * D + 2  # pooler or dense head, and the two classes
EMBEDDINGS = {  # tables and their LayerNorm; BERT, RoBERTa and ELECTRA have two token types
    "bert": (V + P + 2) * D + 2 * D,
    "roberta": (V + P + 2) * D + 2 * D,
    "electra": (V + P + 2) * E + 2 * E + E * D + D,
    "distilbert": (V + P) * D + 2 * D,
    "mpnet": (V + P) * D + 2 * D + 32 * H,  # 32 buckets of relative positions
}


@pytest.mark.parametrize("family", FAMILIES.names())
def test_every_parameter_belongs_to_its_component(tiny, family):
    model = tiny(family)
    counted = Counter()
    for name, parameter in model.named_parameters():
        counted[family_of(model.config.to_dict()).component_of(name)] += parameter.numel()
    assert counted == {"embeddings": EMBEDDINGS[family], "attention": ATTENTION, "ffn": FFN, "rest": REST}


@pytest.mark.parametrize("family", FAMILIES.names())
def test_every_linear_layer_belongs_to_its_part(tiny, family):
    """Four of each layer to its attention, two to its FFN; what is before and after the layers to the head."""
    model = tiny(family)
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    counted = Counter(FAMILIES[family].part_of(name) for name in linear)
    layers = {f"layer {number} {part}": count for number in range(L) for part, count in (("attention", 4), ("ffn", 2))}
    assert counted == {**layers, "head": 3 if family == "electra" else 2}


@pytest.mark.parametrize("family", FAMILIES.names())
def test_the_table_names_the_modules(tiny, family):
    row = FAMILIES[family]
    model = tiny(family)
    assert len(layers_of(model)) == L
    for layer in layers_of(model):
        shapes = {
            name: tuple(layer.get_submodule(getattr(row, name)).weight.shape)
            for name in ("query", "key", "value", "output", "ffn_in", "ffn_out")
        }
        assert shapes == {**dict.fromkeys(("query", "key", "value", "output"), (D, D)), "ffn_in": (M, D), "ffn_out": (D, M)}


@pytest.mark.parametrize("family", FAMILIES.names())
def test_the_table_names_the_sizes(tiny, family):
    """Of a config, and of its dict."""
    config = tiny(family).config
    assert [config.to_dict()[name] for name in FAMILIES[family].sizes] == [L, H, D, M]
    assert hidden_width(config) == hidden_width(config.to_dict()) == D


@pytest.mark.parametrize("family", FAMILIES.names())
def test_the_table_names_the_inputs(tiny, family):
    """As the model's forward calls them; and its answer hangs on type ids exactly where it takes them."""
    model, names = tiny(family), FAMILIES[family].inputs
    assert set(names) <= set(inspect.signature(model.forward).parameters)
    inputs = random_inputs(model, 2, 7, seed=0)
    assert tuple(inputs) == names
    assert ("token_type_ids" in names) == (family in ("bert", "electra"))
    if "token_type_ids" in names:
        with torch.no_grad():
            others = model(**{**inputs, "token_type_ids": torch.ones_like(inputs["input_ids"])})
            assert (model(**inputs).logits - others.logits).abs().max() > 0.01


@pytest.mark.parametrize("family", FAMILIES.names())
def test_the_classifiers_parameters_are_those_that_the_bare_encoder_lacks(tiny, family):
    from transformers import AutoModel

    model = tiny(family)
    row = FAMILIES[family]
    own = {f"{row.base}.{name}" for name, _ in AutoModel.from_config(model.config).named_parameters()}
    lacking = {name for name, _ in model.named_parameters() if name not in own}
    assert lacking == {name for name, _ in model.named_parameters() if name.startswith(row.head)}
    assert lacking


@pytest.mark.parametrize("family", FAMILIES.names())
def test_norms_close_the_blocks(tiny, family):
    """Found are all of the hidden width: the embeddings' (none of ELECTRA's own, which are narrower), and two of each layer: what
    the FFN reads is the first one's output, what leaves the layer the second one's."""
    model = tiny(family)
    norms = [getattr(owner, attribute) for owner, attribute, side in hidden_slices(model) if side == "norm"]
    wide = [module for module in model.modules() if isinstance(module, nn.LayerNorm) and module.normalized_shape == (D,)]
    assert {id(norm) for norm in norms} == {id(norm) for norm in wide}
    assert len(norms) == len(wide) == 2 * L + (family != "electra")
    outputs, read = [], []
    for norm in norms:
        norm.register_forward_hook(lambda module, x, y: outputs.append(y))
    for layer in layers_of(model):
        layer.get_submodule(FAMILIES[family].ffn_in).register_forward_pre_hook(lambda module, x: read.append(x[0]))
    capture = Capture(model, hidden=True)
    with torch.no_grad():
        model(**random_inputs(model, 2, 7, seed=0))
    capture.remove()
    if family != "electra":
        assert torch.equal(outputs.pop(0), capture.hidden(0))
    assert len(outputs) == 2 * L
    for number in range(L):
        assert torch.equal(outputs[2 * number], read[number])
        assert torch.equal(outputs[2 * number + 1], capture.hidden(number + 1))


def test_the_position_bias_is_found_however_it_is_handed_over(tiny):
    """By name or by place, as the layer's own forward has it."""
    model = tiny("mpnet")
    blocks, bias = blocks_of(model), torch.randn(1, H, 5, 5)
    places = list(inspect.signature(layers_of(model)[0].forward).parameters)
    arguments = tuple(bias if name == "position_bias" else None for name in places)
    assert blocks.bias(arguments, {}) is bias
    assert blocks.bias((), {"position_bias": bias}) is bias


@pytest.mark.parametrize("family", FAMILIES.names())
def test_only_who_has_a_position_bias_says_so(tiny, family):
    model = tiny(family)
    layer = layers_of(model)[0]
    takes = "position_bias" in inspect.signature(layer.forward).parameters
    assert blocks_of(model).adds_bias == takes == (family == "mpnet")


@pytest.mark.parametrize(("config", "told"), [({"model_type": "gpt2"}, "'gpt2' is not supported"), ({}, "model_type is missing")])
def test_an_unknown_family_is_told(config, told):
    with pytest.raises(EdgeminError, match=f"{told}.*; known families: bert, distilbert, electra, mpnet, roberta"):
        family_of(config)


@pytest.mark.parametrize(
    ("family", "positions"), [("bert", 48), ("distilbert", 48), ("electra", 48), ("roberta", 46), ("mpnet", 46)]
)
def test_usable_positions(tiny, family, positions):
    """RoBERTa and MPNet count from padding_idx + 1 = 2: the model must run at that length, and fail one beyond."""
    model = tiny(family)
    assert usable_positions(model.config) == usable_positions(model.config.to_dict()) == positions
    with torch.no_grad():
        assert model(**random_inputs(model, 1, positions, seed=0)).logits.shape == (1, 2)
        with pytest.raises((IndexError, RuntimeError)):
            model(**random_inputs(model, 1, positions + 1, seed=0))
