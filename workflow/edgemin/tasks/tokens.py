"""Texts -> token ids and padded batches."""

from __future__ import annotations

from collections.abc import Sequence
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
TEXT_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def load_tokenizer(folder: Path | str) -> Any:
    """The fast tokenizer of a folder, its digest checked where one is recorded. No code from the folder is run.

    Raises EdgeminError for a folder without one: transformers would make up a tokenizer to which every word is unknown.
    """
    from transformers import AutoTokenizer

    folder = Path(folder)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt", "vocab.json")):
        raise EdgeminError(f"{folder}: has no tokenizer.json (nor vocab.txt or vocab.json); save the model's tokenizer there")
    if (folder / NAME).is_file() and (folder / "tokenizer.json").is_file():
        check_provenance(folder, "tokenizer.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        raise EdgeminError(
            f"{folder}: its tokenizer cannot be loaded ({str(error).splitlines()[0]}); a fast tokenizer (tokenizer.json) is needed"
        ) from None
    if not tokenizer.is_fast:
        raise EdgeminError(f"{folder}: has no fast tokenizer (tokenizer.json); convert it with transformers first")
    if (folder / "config.json").is_file() and (family := FAMILIES.get(read_json(folder / "config.json").get("model_type"))):
        # What the model takes, whatever class the tokenizer was saved as: a generic one would leave the type ids of pairs out.
        tokenizer.model_input_names = [name for name in TEXT_INPUTS if family.token_types or name != "token_type_ids"]
    return tokenizer


def tokenize(tokenizer: Any, rows: pd.DataFrame, max_length: int) -> list[dict[str, list[int]]]:
    """Token ids (and type ids where the model takes them) of each row, special tokens in, unpadded."""
    masked = tokenizer.mask_token or tokenizer.unk_token
    text, pair = ([t.replace(MASK, masked) for t in rows[name]] if name in rows else None for name in ("text", "pair"))
    encoded = tokenizer(text, pair, truncation=True, max_length=max_length, padding=False, return_attention_mask=False)
    names = [name for name in TEXT_INPUTS if name in encoded]
    return [dict(zip(names, values, strict=True)) for values in zip(*(encoded[name] for name in names), strict=True)]


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


def pieces_line_up(one: Any, other: Any, rows: pd.DataFrame, max_length: int) -> str | None:
    """None if two tokenizers give the same pieces at the same positions for every row; else the first text that differs.

    Special tokens are compared by role, not by name ([CLS] and <s> line up).
    """
    if one.backend_tokenizer.to_str() == other.backend_tokenizer.to_str():
        return None
    for a, b, text in zip(tokenize(one, rows, max_length), tokenize(other, rows, max_length), rows["text"], strict=True):
        if _pieces(one, a["input_ids"]) != _pieces(other, b["input_ids"]):
            return str(text)
    return None


def _pieces(tokenizer: Any, ids: list[int]) -> list[str]:
    special = set(tokenizer.all_special_ids)
    roles = {tokenizer.unk_token_id: "<unknown>"}
    return [
        roles.get(i, "<special>") if i in special else piece
        for i, piece in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)
    ]
