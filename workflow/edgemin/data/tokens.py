"""Texts as token ids, out of a memory-mapped file: what training, caches, calibration and measuring read.

`data.tokenizing` writes such files, once for each task and tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from edgemin.core.errors import EdgeminError
from edgemin.core.files import sha256
from edgemin.data.arrow import facts_of, read_table
from edgemin.data.tokenizer import Tokenizer, load_tokenizer

Example = dict[str, np.ndarray]


@dataclass(frozen=True)
class Tokens:
    """A file of tokens. `tokens[5]` is an example: name -> ids (L,); `len` is the number of texts."""

    table: pa.Table
    file: Path

    @classmethod
    def read(cls, file: Path, tokenizer: Path | None = None) -> Tokens:
        """Open a token file. tokenizer: folder of the model that reads it. Raises EdgeminError if it is unreadable or of another tokenizer."""
        tokens = cls(read_table(file), file)
        if tokenizer and tokens.facts["tokenizer"] != sha256(tokenizer / "tokenizer.json"):
            raise EdgeminError(f"{file}: made with another tokenizer than that of {tokenizer}; delete it and run snakemake again")
        return tokens

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        return facts_of(self.table)

    @property
    def label_names(self) -> list[str] | None:
        return self.facts["label_names"]

    @property
    def pad_id(self) -> int:
        return int(self.facts["pad_id"])

    @cached_property
    def names(self) -> list[str]:
        """Names of the inputs: `input_ids`, and `token_type_ids` if there are any."""
        return [name for name in ("input_ids", "token_type_ids") if name in self.table.column_names]

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: _one(self.table[name]).values.to_numpy() for name in self.names}

    @property
    def flat(self) -> np.ndarray:
        """The ids of all texts, one after the other."""
        return self._arrays["input_ids"][self.offsets[0] : self.offsets[-1]]

    @cached_property
    def offsets(self) -> np.ndarray:
        """The first token of each text in the flat array, and the end: (N + 1)."""
        return _one(self.table["input_ids"]).offsets.to_numpy()

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each text."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> Example:
        start, end = self.offsets[index], self.offsets[index + 1]
        return {name: values[start:end] for name, values in self._arrays.items()}

    def column(self, name: str) -> Any:
        """`id` or `label`, as a pandas series."""
        return self.table[name].to_pandas()

    def head(self, count: int) -> Tokens:
        """The first texts."""
        return Tokens(self.table.slice(0, count), self.file)

    def batch(self, indices: Sequence[int], multiple: int = 1) -> dict[str, np.ndarray]:
        """int64 arrays (B, L) of these texts, L rounded up to `multiple` but not above the file's `max_length`, for which every model has
        positions; `attention_mask` is 1 on real tokens."""
        return pad([self[index] for index in indices], self.pad_id, multiple, int(self.facts["max_length"]))


def _one(column: pa.ChunkedArray) -> Any:
    """A column as one array: files hold one record batch."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def pad(
    examples: Sequence[Mapping[str, Sequence[int] | np.ndarray]], pad_id: int, multiple: int = 1, limit: int | None = None
) -> dict[str, np.ndarray]:
    """int64 arrays (batch, length), length rounded up to `multiple`, but not above `limit` for its sake; `attention_mask` is 1 on real
    tokens."""
    longest = max(len(example["input_ids"]) for example in examples)
    length = -(-longest // multiple) * multiple
    length = length if limit is None else max(longest, min(length, limit))
    batch = {name: np.zeros((len(examples), length), dtype=np.int64) for name in examples[0]}
    batch["input_ids"][:] = pad_id
    batch["attention_mask"] = np.zeros((len(examples), length), dtype=np.int64)
    for row, example in enumerate(examples):
        for name, values in example.items():
            batch[name][row, : len(values)] = values
        batch["attention_mask"][row, : len(example["input_ids"])] = 1
    return batch


def pieces_line_up(ours: Tokens, theirs: Tokens, our_tokenizer: Path, their_tokenizer: Path) -> str | None:
    """None if two tokenizers gave the same pieces at the same positions for every text; else the id of the first text that differs.

    Special tokens are compared by role, not by name ([CLS] equals <s>).
    """
    if ours.facts["tokenizer"] == theirs.facts["tokenizer"]:
        return None
    one, other = (load_tokenizer(folder) for folder in (our_tokenizer, their_tokenizer))
    for index, name in enumerate(ours.column("id")):
        if _roles(one, ours[index]["input_ids"]) != _roles(other, theirs[index]["input_ids"]):
            return str(name)
    return None


def _roles(tokenizer: Tokenizer, ids: np.ndarray) -> list[str]:
    special, unknown = tokenizer.special_ids, tokenizer.id_of(tokenizer.unk_token)
    return [
        "<unknown>" if number == unknown else "<special>" if number in special else piece
        for number, piece in zip(ids.tolist(), tokenizer.pieces(ids.tolist()), strict=True)
    ]
