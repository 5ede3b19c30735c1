"""A family of architectures: where its models keep layers, projections and embeddings. Settings half of `encoders.families`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from edgemin.core.errors import EdgeminError
from edgemin.study import registry

if TYPE_CHECKING:
    from edgemin.encoders.blocks import Blocks


class Family:
    """Names inside one architecture. Paths are dotted names below the sequence-classification model or below one layer."""

    name: ClassVar[str]
    """What a config calls it: `model_type`."""
    base: ClassVar[str]
    """Attribute of the encoder inside the sequence-classification model."""
    layers: ClassVar[str] = "encoder.layer"
    """Module list of the layers, below the base."""
    query: ClassVar[str] = "attention.self.query"
    key: ClassVar[str] = "attention.self.key"
    value: ClassVar[str] = "attention.self.value"
    output: ClassVar[str] = "attention.output.dense"
    """Projection of the heads' contexts back to the hidden width."""
    ffn_in: ClassVar[str] = "intermediate.dense"
    ffn_out: ClassVar[str] = "output.dense"
    attention: ClassVar[str] = "attention.self"
    """Module that reshapes into heads and knows the head width."""
    attention_parts: ClassVar[tuple[str, ...]] = ("attention.",)
    """What the names of an attention block's parameters begin with, the LayerNorm that closes it included."""
    embedding_parts: ClassVar[tuple[str, ...]] = ("embeddings",)
    """What the names of embeddings, positions included, have inside."""
    head: ClassVar[tuple[str, ...]] = ("classifier.",)
    """What the names of the classifier's parameters begin with: a checkpoint of the encoder alone lacks them. The pooler comes on top."""
    sizes: ClassVar[tuple[str, str, str, str]] = ("num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
    """Keys of a config: layers, heads, width of the hidden states, width of the FFN."""
    norms: ClassVar[tuple[str, str]] = ("attention.output.LayerNorm", "output.LayerNorm")
    """The LayerNorms of a layer that close its attention and its FFN."""
    tables: ClassVar[Mapping[str, str]] = {
        "word_embeddings": "vocab_size",
        "position_embeddings": "max_position_embeddings",
        "token_type_embeddings": "type_vocab_size",
    }
    """Embedding tables -> the key of a config with the number of their rows."""
    left: ClassVar[tuple[str, ...]] = ()
    """What the names of weights begin with that only pretraining uses: a checkpoint may have them, and they are left out."""
    positions_offset: ClassVar[int] = 0
    """Position embeddings that no token can use."""
    counts_from_padding: ClassVar[bool] = False
    """Whether the first token's position is `pad_token_id` + 1, as in RoBERTa; then `positions_offset` is not asked."""
    token_types: ClassVar[bool] = True
    """Whether its models take type ids."""

    def blocks(self) -> Blocks:
        """The computing half."""
        raise NotImplementedError

    def offset(self, config: Any) -> int:
        """Position embeddings of a config (or its dict) that no token can use."""
        return int(values_of(config).get("pad_token_id", 1)) + 1 if self.counts_from_padding else self.positions_offset

    def embedding_width(self, config: Any) -> int:
        """Width of the embedding tables of a config (or its dict)."""
        return int(values_of(config)[self.sizes[2]])

    def outside(self, config: Any) -> dict[str, tuple[int, ...]]:
        """Weights of the encoder besides embeddings and layers, by name below the base: their shapes."""
        return {}

    @property
    def prefix(self) -> str:
        """What the names of all parameters in layers begin with."""
        return f"{self.base}.{self.layers}."

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs of a model's forward, and of its exported graph."""
        return ("input_ids", "attention_mask", *(["token_type_ids"] if self.token_types else []))

    def component_of(self, parameter: str) -> str:
        """`embeddings`, `attention`, `ffn` or `rest` for a parameter name of a sequence-classification model.

        The LayerNorm that closes a block counts with the block; `rest` is pooler, classifier and the like.
        """
        if any(part in parameter for part in self.embedding_parts):
            return "embeddings"
        if self.prefix not in parameter:
            return "rest"
        inside = parameter.split(f"{self.layers}.", 1)[1].split(".", 1)[1]
        return "attention" if inside.startswith(self.attention_parts) else "ffn"

    def part_of(self, module: str) -> str:
        """`layer 3 attention`, `layer 3 ffn` or `head` for the dotted name of a linear layer."""
        if not module.startswith(self.prefix):
            return "head"
        number, _, inside = module.removeprefix(self.prefix).partition(".")
        attention = inside in (self.query, self.key, self.value, self.output)
        return f"layer {number} {'attention' if attention else 'ffn'}"


def values_of(config: Any) -> Mapping[str, Any]:
    """The keys of a transformers config or of its dict."""
    return config if isinstance(config, Mapping) else config.to_dict()


def family_of(config: Any) -> Family:
    """The family of a transformers config (or its dict). Raises EdgeminError for an unknown one."""
    kind = config.get("model_type") if isinstance(config, Mapping) else config.model_type
    families = registry.FAMILIES.all()
    if kind is None:
        raise EdgeminError(f"model_type is missing; {_guessed(values_of(config), families)}")
    if not isinstance(kind, str) or kind not in families:
        raise EdgeminError(f"model_type '{kind}' is not supported; known families: {', '.join(families)}")
    family: Family = families[kind]
    return family


def _guessed(values: Mapping[str, Any], families: Mapping[str, Family]) -> str:
    """What to write for a missing `model_type`, by the name of the class that a config says."""
    architectures = values.get("architectures")
    classes = [str(one) for one in architectures] if isinstance(architectures, list) else []
    for name in families:
        for one in classes:
            if one.lower().startswith(name.replace("-", "")):
                return f'its architectures say {one}: write "model_type": "{name}" there'
    return f'write it there, such as "model_type": "bert"; known families: {", ".join(families)}'


def hidden_width(config: Any) -> int:
    """Width of the hidden states of a config (or its dict)."""
    return int(values_of(config)[family_of(config).sizes[2]])


def usable_positions(config: Any) -> int:
    """Longest input in tokens that the position embeddings of a config (or its dict) allow."""
    return int(values_of(config)["max_position_embeddings"]) - family_of(config).offset(config)
