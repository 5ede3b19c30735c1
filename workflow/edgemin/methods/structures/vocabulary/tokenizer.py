"""A WordPiece tokenizer without the pieces that no text uses; with every single-character piece, so that any text still tokenizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgemin.core.errors import EdgeminError
from edgemin.core.files import write_json
from edgemin.data.tokenizer import load_tokenizer
from edgemin.data.tokens import Tokens

KEPT = "kept.json"
"""Ids, in the tokenizer that was cut, of the pieces that are left: their order is that of the new ids."""


def write(folder: Path, tokens: Sequence[Path], out: Path) -> None:
    """Cut the tokenizer of `folder` to what its `tokens` use, and write it with `kept.json` to the folder `out`."""
    kept = kept_pieces(folder, tokens)
    write_tokenizer(folder, kept, out)
    write_json(out / KEPT, kept)


def kept_pieces(folder: Path, tokens: Sequence[Path]) -> list[int]:
    """Ids that stay, rising. Greedy longest-match finds the same pieces in these texts without the others.

    Raises EdgeminError for a tokenizer that is not WordPiece.
    """
    written = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    model = written["model"]
    if model["type"] != "WordPiece":
        raise EdgeminError(f"structure: vocabulary cuts WordPiece tokenizers, {folder} has {model['type']}; leave this stage out")
    prefix = model["continuing_subword_prefix"]
    ids = {token["id"] for token in written["added_tokens"]} | load_tokenizer(folder).special_ids
    ids |= {number for piece, number in model["vocab"].items() if len(piece.removeprefix(prefix)) == 1}
    for file in tokens:
        ids |= set(np.unique(Tokens.read(file, folder).flat).tolist())
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
