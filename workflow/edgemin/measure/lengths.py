"""Inputs of a given length: how time grows with it, without texts of all lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgemin.data.tokens import Tokens

COUNT = 5
"""Different inputs of a length."""
_TEXTS = 200


def of_length(tokens: Tokens, order: Sequence[int], length: int) -> list[dict[str, np.ndarray]]:
    """`COUNT` inputs of exactly `length` tokens, int64 (1, length). Each begins and ends with a text's first and last id; the ids between
    come from inside the texts, in this order."""
    ends = tokens[order[0]]["input_ids"][[0, -1]]
    inner = np.concatenate([tokens[index]["input_ids"][1:-1] for index in order[:_TEXTS]])
    inner = inner if inner.size else ends
    return [_input(tokens, np.resize(np.roll(inner, -number * length), length), ends) for number in range(COUNT)]


def _input(tokens: Tokens, ids: np.ndarray, ends: np.ndarray) -> dict[str, np.ndarray]:
    ids = ids.astype(np.int64)
    ids[[0, -1]] = ends
    whole = {"input_ids": ids[None], "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}
    return {**whole, **{name: np.zeros_like(ids)[None] for name in tokens.names if name not in whole}}
