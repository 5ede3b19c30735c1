"""Texts -> token ids and padded batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edgemin.encoders.families import FAMILIES
from edgemin.errors import EdgeminError
from edgemin.files import read_json
from edgemin.provenance import NAME, check_provenance

MASK = "\ufffc"
"""Stands for a masked word in a text; each tokenizer puts its own mask token there."""


class Tokenizer:
    """What a folder's tokenizer.json says, read with the `tokenizers` library alone: measuring loads neither torch nor transformers.

    backend: the `tokenizers.Tokenizer`. Special tokens by name, None where the tokenizer has no such token: `pad_token`,
    `unk_token`, `mask_token`. token_types: whether the model takes type ids. Texts that are too long lose their end, as in a bundle.
    """

    def __init__(self, backend: Any, config: Mapping[str, Any], token_types: bool) -> None:
        self.backend = backend
        backend.no_padding()
        backend.no_truncation()
        self.token_types = token_types
        self.pad_token, self.unk_token, self.mask_token = (
            _content(config.get(f"{role}_token")) for role in ("pad", "unk", "mask")
        )

    def __len__(self) -> int:
        return int(self.backend.get_vocab_size())

    def id_of(self, token: str | None) -> int | None:
        return None if token is None else self.backend.token_to_id(token)

    @property
    def pad_token_id(self) -> int:
        """0 for a tokenizer that has no padding token, as transformers' models take it; masks hide it in any case."""
        return self.id_of(self.pad_token) or 0

    @cached_property
    def special_ids(self) -> set[int]:
        """Of the tokens that stand for no text, the unknown one among them."""
        added = {number for number, token in self.backend.get_added_tokens_decoder().items() if token.special}
        roles = (self.id_of(token) for token in (self.pad_token, self.unk_token, self.mask_token))
        return added | {number for number in roles if number is not None}

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [self.backend.id_to_token(number) for number in ids]


def _content(token: str | Mapping[str, Any] | None) -> str | None:
    """A special token as configs write it: its text, or a mapping with it."""
    return token if token is None or isinstance(token, str) else str(token["content"])


def load_tokenizer(folder: Path | str) -> Tokenizer:
    """The tokenizer of a folder that this project wrote, its digest checked where one is recorded.

    Raises EdgeminError for a folder without one, or with one that cannot be read.
    """
    from tokenizers import Tokenizer as Backend

    folder = Path(folder)
    if not (folder / "tokenizer.json").is_file():
        raise EdgeminError(f"{folder}: has no tokenizer.json; save the model's tokenizer there")
    if (folder / NAME).is_file():
        check_provenance(folder, "tokenizer.json")
    try:
        backend = Backend.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises bare Exception
        raise EdgeminError(f"{folder}: its tokenizer.json cannot be read ({error}); make it anew") from None
    config = read_json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").is_file() else {}
    model = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    family = FAMILIES.get(str(model.get("model_type")))
    return Tokenizer(backend, config, token_types=family is None or family.token_types)


def tokenize(tokenizer: Tokenizer, rows: pd.DataFrame, max_length: int) -> list[dict[str, list[int]]]:
    """Token ids (and type ids where the model takes them) of each row, special tokens in, unpadded."""
    masked = tokenizer.mask_token or tokenizer.unk_token or ""
    texts, pairs = ([t.replace(MASK, masked) for t in rows[name]] if name in rows else None for name in ("text", "pair"))
    tokenizer.backend.enable_truncation(max_length)
    encoded = tokenizer.backend.encode_batch(texts if pairs is None else list(zip(texts or [], pairs, strict=True)))
    return [{"input_ids": one.ids, **({"token_type_ids": one.type_ids} if tokenizer.token_types else {})} for one in encoded]


def pad(examples: Sequence[dict[str, list[int]]], pad_id: int, multiple: int = 1) -> dict[str, np.ndarray]:
    """int64 arrays (batch, length), length rounded up to `multiple`; `attention_mask` is 1 on real tokens."""
    longest = max(len(example["input_ids"]) for example in examples)
    length = -(-longest // multiple) * multiple
    batch = {name: np.zeros((len(examples), length), dtype=np.int64) for name in examples[0]}
    batch["input_ids"][:] = pad_id
    batch["attention_mask"] = np.zeros((len(examples), length), dtype=np.int64)
    for row, example in enumerate(examples):
        for name, values in example.items():
            batch[name][row, : len(values)] = values
        batch["attention_mask"][row, : len(example["input_ids"])] = 1
    return batch


def pieces_line_up(one: Tokenizer, other: Tokenizer, rows: pd.DataFrame, max_length: int) -> str | None:
    """None if two tokenizers give the same pieces at the same positions for every row; else the first text that differs.

    Special tokens are compared by role, not by name ([CLS] and <s> line up).
    """
    if one.backend.to_str() == other.backend.to_str():
        return None
    for a, b, text in zip(tokenize(one, rows, max_length), tokenize(other, rows, max_length), rows["text"], strict=True):
        if _roles(one, a["input_ids"]) != _roles(other, b["input_ids"]):
            return str(text)
    return None


def _roles(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    special, unknown = tokenizer.special_ids, tokenizer.id_of(tokenizer.unk_token)
    return [
        "<unknown>" if number == unknown else "<special>" if number in special else piece
        for number, piece in zip(ids, tokenizer.pieces(ids), strict=True)
    ]
