"""The model: logits = head(mean over a text's tokens of their vectors)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig
from transformers.modeling_outputs import SequenceClassifierOutput

from edgemin.core.files import read_json
from edgemin.core.provenance import check_provenance
from edgemin.encoders.checkpoint import NOT_OURS, fill
from edgemin.encoders.weights import read_weights


class StaticConfig(PretrainedConfig):
    """hidden_size: width of the vectors; intermediate_size: of the head's hidden layer, 0 for a linear head. Other keys say that there are no layers."""

    model_type = "static"

    def __init__(
        self,
        vocab_size: int = 1,
        hidden_size: int = 1,
        intermediate_size: int = 0,
        dropout: float = 0.0,
        pad_token_id: int | None = 0,
        **kwargs: Any,
    ) -> None:
        self.vocab_size, self.hidden_size, self.intermediate_size = vocab_size, hidden_size, intermediate_size
        self.dropout, self.pad_token_id = dropout, pad_token_id
        self.num_hidden_layers, self.num_attention_heads = 0, 1
        super().__init__(
            **{name: value for name, value in kwargs.items() if name not in ("num_hidden_layers", "num_attention_heads")}
        )


class StaticClassifier(nn.Module):
    """Called as a transformers classifier is."""

    def __init__(self, config: StaticConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden, classes = config.hidden_size, config.intermediate_size, config.num_labels
        assert classes is not None
        self.embeddings = nn.Embedding(config.vocab_size, width)
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(width, hidden) if hidden else None
        self.classifier = nn.Linear(hidden or width, classes)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: Any) -> SequenceClassifierOutput:
        """input_ids, attention_mask: (B, L). logits: (B, K)."""
        mask = attention_mask[:, None].to(self.embeddings.weight.dtype)  # (B, 1, L)
        kept = self.dropout(mask)  # whole tokens
        pooled = (kept @ self.embeddings(input_ids) / mask.sum(-1, keepdim=True))[:, 0]
        if self.dense is not None:
            pooled = nn.functional.gelu(self.dense(pooled))
        return SequenceClassifierOutput(logits=self.classifier(pooled))


def load(folder: Path) -> StaticClassifier:
    """The float32 model of a checkpoint folder, in eval mode. Raises EdgeminError for a damaged folder."""
    check_provenance(folder, "model.safetensors", "config.json")
    values = read_json(folder / "config.json")
    model = StaticClassifier(
        StaticConfig(**{name: value for name, value in values.items() if name not in (*NOT_OURS, "model_type")})
    )
    fill(model, read_weights(folder / "model.safetensors"), folder / "model.safetensors")
    return model.eval()
