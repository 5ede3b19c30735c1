"""A vector for each token of a transformer's vocabulary, out of the transformer itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from edgemin.data.tokenizer import load_tokenizer, tokenize
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier
from edgemin.study.family import family_of

_BATCH = 256


@torch.no_grad()
def vectors_of(folder: Path, outputs: bool) -> np.ndarray:
    """(V, W) of a checkpoint's model. outputs: the last hidden state of each token, read alone between the tokenizer's special tokens;
    else its input embedding."""
    model = checkpoint.load(folder)
    base = getattr(model, family_of(model.config).base)
    if not outputs:
        found: np.ndarray = base.embeddings.word_embeddings.weight.numpy()
        return found
    special = tokenize(load_tokenizer(folder), [""], None, 8)[0]["input_ids"]
    before, after = special[:1], special[1:]
    parts = []
    for start in range(0, model.config.vocab_size, _BATCH):
        numbers = range(start, min(start + _BATCH, model.config.vocab_size))
        ids = torch.tensor([[*before, number, *after] for number in numbers])
        parts.append(_hidden(model, base, ids)[:, len(before)].numpy())
    return np.concatenate(parts)


def _hidden(model: Classifier, base: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Last hidden states (B, L, W) of ids (B, L) without padding."""
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}
    hidden: torch.Tensor = base(**{name: inputs[name] for name in family_of(model.config).inputs}).last_hidden_state
    return hidden


def reduced(vectors: np.ndarray, width: int) -> np.ndarray:
    """(V, width): the first principal components of vectors (V, W), centred, their signs fixed, divided by their common standard deviation."""
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)  # rising eigenvalues
    chosen = directions[:, ::-1][:, :width]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(0), np.arange(chosen.shape[1])])
    found = centred @ chosen
    return found / found.std()


def rarity(ids: np.ndarray, vocabulary: int, a: float) -> np.ndarray:
    """(V,) weights a / (a + p) of Arora et al. 2017 (smooth inverse frequency), p a token's share of ids (N,). a of 0: all 1."""
    if not a:
        return np.ones(vocabulary)
    share = np.bincount(ids, minlength=vocabulary) / len(ids)
    return a / (a + share)
