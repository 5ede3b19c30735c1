from __future__ import annotations

from collections import Counter

import pytest
import torch

from edgemin.deploy.onnx_export import random_inputs
from edgemin.encoders.families import FAMILIES, component_of, family_of, layers_of, usable_positions
from edgemin.errors import EdgeminError

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


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_belongs_to_its_component(tiny, family):
    model = tiny(family)
    counted = Counter()
    for name, parameter in model.named_parameters():
        counted[component_of(name, model.config.to_dict())] += parameter.numel()
    assert counted == {"embeddings": EMBEDDINGS[family], "attention": ATTENTION, "ffn": FFN, "rest": REST}


@pytest.mark.parametrize("family", FAMILIES)
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


@pytest.mark.parametrize("config", [{"model_type": "gpt2"}, {}])
def test_an_unknown_family_is_told(config):
    with pytest.raises(EdgeminError, match="is not supported; known families: bert, distilbert, electra, mpnet, roberta"):
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
