"""Vocabulary pruning: the pieces that the given texts use stay, with every single-character piece, so that any text still tokenizes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from edgemin.encoders.families import Classifier
from edgemin.errors import EdgeminError
from edgemin.tasks.tokens import load_tokenizer, tokenize

_ALL = 10**6  # tokens: no text is cut short


def kept_pieces(folder: Path, texts: Iterable[pd.DataFrame]) -> list[int]:
    """Ids that stay, rising. Greedy longest-match finds the same pieces in these texts without the others.

    Raises EdgeminError for a tokenizer that is not WordPiece.
    """
    written = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = written["model"]
    if model["type"] != "WordPiece":
        raise EdgeminError(f"structure: vocabulary cuts WordPiece tokenizers, {folder} has {model['type']}; leave this stage out")
    tokenizer, prefix = load_tokenizer(folder), model["continuing_subword_prefix"]
    ids = {token["id"] for token in written["added_tokens"]} | tokenizer.special_ids
    ids |= {number for piece, number in model["vocab"].items() if len(piece.removeprefix(prefix)) == 1}
    for rows in texts:
        for example in tokenize(tokenizer, rows, _ALL):
            ids.update(example["input_ids"])
    return sorted(ids)


def write_tokenizer(folder: Path, kept: Sequence[int], out: Path) -> None:
    """The tokenizer of `folder` with the kept pieces alone, renumbered in their order, written to the folder `out`."""
    new = {old: number for number, old in enumerate(kept)}
    written = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = sorted(written["model"]["vocab"].items(), key=lambda item: item[1])
    written["model"]["vocab"] = {piece: new[old] for piece, old in vocab if old in new}
    for token in written["added_tokens"]:
        token["id"] = new[token["id"]]
    written["post_processor"] = _renumbered(written["post_processor"], new)
    if written.get("padding"):
        written["padding"]["pad_id"] = new[written["padding"]["pad_id"]]
    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizer.json").write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    if "added_tokens_decoder" in config:
        config["added_tokens_decoder"] = {str(new[int(old)]): token for old, token in config["added_tokens_decoder"].items()}
    (out / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8")


def _renumbered(processor: Any, new: Mapping[int, int]) -> Any:
    """Special tokens as post-processors write them: `["[CLS]", 101]`, or `{"ids": [101], ...}`."""
    if isinstance(processor, dict):
        return {key: [new[old] for old in value] if key == "ids" else _renumbered(value, new) for key, value in processor.items()}
    if isinstance(processor, list):
        if len(processor) == 2 and isinstance(processor[0], str) and isinstance(processor[1], int):
            return [processor[0], new[processor[1]]]
        return [_renumbered(value, new) for value in processor]
    return processor


@torch.no_grad()
def keep_pieces(model: Classifier, kept: Sequence[int]) -> None:
    """Cut every other row out of the word embeddings of `model`, in place, and renumber its config.

    Raises EdgeminError if the padding token would get another id: position embeddings of some families count from it.
    """
    new = {old: number for number, old in enumerate(kept)}
    old = model.get_input_embeddings()
    padding = model.config.pad_token_id
    if new.get(padding) != padding:
        raise EdgeminError(f"structure: vocabulary would move the padding token from id {padding}; leave this stage out")
    embeddings = nn.Embedding(len(kept), old.embedding_dim, padding_idx=old.padding_idx, dtype=old.weight.dtype)
    embeddings.weight.copy_(old.weight[list(kept)])
    model.set_input_embeddings(embeddings)
    model.config.vocab_size = len(kept)
    for name in ("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id"):
        if getattr(model.config, name, None) is not None:
            setattr(model.config, name, new.get(getattr(model.config, name)))
