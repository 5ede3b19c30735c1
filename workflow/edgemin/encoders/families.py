"""The one table of architectures: where each family keeps its layers, projections and embeddings.

A new family is one row. Paths are dotted names below the sequence-classification model or below one layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from edgemin.errors import EdgeminError

Classifier: TypeAlias = Any
"""A transformers ...ForSequenceClassification model (an nn.Module with a `config`)."""


@dataclass(frozen=True)
class Family:
    """Names inside one architecture."""

    base: str
    """Attribute of the encoder inside the sequence-classification model."""
    layers: str
    """Module list of the layers, below the base."""
    query: str
    key: str
    value: str
    output: str
    """Projection of the heads' contexts back to the hidden width."""
    ffn_in: str
    ffn_out: str
    attention: str
    """Module that reshapes into heads and knows the head width."""
    positions_offset: int = 0
    """Position embeddings that no token can use (RoBERTa counts from padding_idx + 1)."""
    position_bias: bool = False
    """Adds a relative position bias per head to the scores (and pruned heads index it)."""
    token_types: bool = True


_BERT_LAYER: dict[str, Any] = {
    "layers": "encoder.layer",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "ffn_in": "intermediate.dense",
    "ffn_out": "output.dense",
    "attention": "attention.self",
}

FAMILIES: dict[str, Family] = {
    "bert": Family(base="bert", **_BERT_LAYER),
    "roberta": Family(base="roberta", positions_offset=2, token_types=False, **_BERT_LAYER),
    "electra": Family(base="electra", **_BERT_LAYER),
    "distilbert": Family(
        base="distilbert",
        layers="transformer.layer",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        output="attention.out_lin",
        ffn_in="ffn.lin1",
        ffn_out="ffn.lin2",
        attention="attention",
        token_types=False,
    ),
    "mpnet": Family(
        base="mpnet",
        layers="encoder.layer",
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        output="attention.attn.o",
        ffn_in="intermediate.dense",
        ffn_out="output.dense",
        attention="attention.attn",
        positions_offset=2,
        position_bias=True,
        token_types=False,
    ),
}


def family_of(config: Any) -> Family:
    """The family of a transformers config (or its dict). Raises EdgeminError for an unknown one."""
    kind = config.get("model_type") if isinstance(config, dict) else config.model_type
    if kind not in FAMILIES:
        raise EdgeminError(f"model_type '{kind}' is not supported; known families: {', '.join(sorted(FAMILIES))}")
    return FAMILIES[kind]


def layers_of(model: Classifier) -> Any:
    """The nn.ModuleList of encoder layers of a sequence-classification model."""
    family = family_of(model.config)
    return model.get_submodule(f"{family.base}.{family.layers}")


def hidden_width(config: Any) -> int:
    """Width of the hidden states of a config (or its dict)."""
    values = config if isinstance(config, dict) else config.to_dict()
    return int(values["hidden_size"] if "hidden_size" in values else values["dim"])


def usable_positions(config: Any) -> int:
    """Longest input in tokens that the position embeddings of a config (or its dict) allow."""
    values = config if isinstance(config, dict) else config.to_dict()
    return int(values["max_position_embeddings"]) - family_of(config).positions_offset


def input_names(model: Classifier) -> list[str]:
    """The inputs of the model's forward, and of its exported graph."""
    names = ["input_ids", "attention_mask"]
    return [*names, "token_type_ids"] if family_of(model.config).token_types else names


def component_of(name: str, config: Any) -> str:
    """`embeddings`, `attention`, `ffn` or `rest` for a parameter name of a sequence-classification model.

    The LayerNorm that closes a block counts with the block; `rest` is pooler, classifier and the like.
    """
    family = family_of(config)
    if "embeddings" in name or "relative_attention_bias" in name:
        return "embeddings"
    if f"{family.base}.{family.layers}." not in name:
        return "rest"
    inside = name.split(f"{family.layers}.", 1)[1].split(".", 1)[1]
    return "attention" if inside.startswith(("attention", "sa_layer_norm")) else "ffn"
