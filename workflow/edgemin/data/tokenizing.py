"""Texts -> token ids, once for each task and tokenizer, in an Arrow file that all other jobs read.

Columns: id, label as in the rows, input_ids, and token_type_ids where the model takes them. Unpadded, special tokens in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, LargeList, Value, disable_progress_bars

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, sha256
from edgemin.data import store
from edgemin.data.arrow import facts_of, read_table
from edgemin.data.tokenizer import load_tokenizer, masking, tokenize
from edgemin.study.family import family_of

SIZES = {"input_ids": "vocab_size", "token_type_ids": "type_vocab_size"}
"""Inputs of a model -> the key of its config with the number of their embeddings."""


def write_tokens(rows: Path, folder: Path, max_length: int, out: Path) -> None:
    """Tokenise the rows of a file with the tokenizer of an encoder's folder, whose config says whether it takes type ids."""
    disable_progress_bars()
    tokenizer = load_tokenizer(folder)
    config = read_json(folder / "config.json")
    names = ["input_ids", *(["token_type_ids"] if family_of(config).token_types else [])]
    sizes = {name: int(config[SIZES[name]]) for name in names if config.get(SIZES[name]) is not None}
    table = read_table(rows)
    dataset = Dataset(table)

    def encode(batch: dict[str, list[Any]]) -> dict[str, list[list[int]]]:
        texts, pairs = (
            masking(batch[name], batch.get(store.MASKED[name]), tokenizer) if name in batch else None for name in ("text", "pair")
        )
        examples = tokenize(tokenizer, texts or [], pairs, max_length)
        _check_ids(examples, sizes, folder)
        return {name: [example[name] for example in examples] for name in names}

    kept = {name: dataset.features[name] for name in ("id", "label")}
    tokens = dataset.map(
        encode,
        batched=True,
        remove_columns=[name for name in dataset.column_names if name not in kept],
        features=Features({**kept, **{name: LargeList(Value("int32")) for name in names}}),
        keep_in_memory=True,
        new_fingerprint="tokens",  # nothing is cached under it
    )
    about = {"label_names": facts_of(table)["label_names"], "max_length": max_length, "pad_id": tokenizer.pad_token_id}
    store.write_dataset(tokens, out, rows=sha256(rows), tokenizer=sha256(folder / "tokenizer.json"), **about)


def _check_ids(examples: list[dict[str, list[int]]], sizes: Mapping[str, int], folder: Path) -> None:
    """Raises EdgeminError for an id that the model has no embedding for. A tokenizer that was cut has the config of the whole one."""
    for name, size in sizes.items():
        highest = max((number for example in examples for number in example[name]), default=0)
        if highest >= size:
            raise EdgeminError(
                f"{folder}: its tokenizer gives {name} up to {highest}, its config.json has {SIZES[name]} {size}; "
                "save model and tokenizer together"
            )
