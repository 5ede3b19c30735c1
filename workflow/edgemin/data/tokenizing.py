"""Texts -> token ids, once for each task and tokenizer, in an Arrow file that all other jobs read.

Columns: id, label as in the rows, input_ids, and token_type_ids where the model takes them. Unpadded, special tokens in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset, Features, LargeList, Value, disable_progress_bars

from edgemin.core.files import read_json, sha256
from edgemin.data import store
from edgemin.data.arrow import facts_of, read_table
from edgemin.data.tokenizer import load_tokenizer, masking, tokenize
from edgemin.study.family import family_of


def write_tokens(rows: Path, folder: Path, max_length: int, out: Path) -> None:
    """Tokenise the rows of a file with the tokenizer of an encoder's folder, whose config says whether it takes type ids."""
    disable_progress_bars()
    tokenizer = load_tokenizer(folder)
    names = ["input_ids", *(["token_type_ids"] if family_of(read_json(folder / "config.json")).token_types else [])]
    table = read_table(rows)
    dataset = Dataset(table)

    def encode(batch: dict[str, list[Any]]) -> dict[str, list[list[int]]]:
        texts, pairs = (
            masking(batch[name], batch.get(store.MASKED[name]), tokenizer) if name in batch else None for name in ("text", "pair")
        )
        examples = tokenize(tokenizer, texts or [], pairs, max_length)
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
