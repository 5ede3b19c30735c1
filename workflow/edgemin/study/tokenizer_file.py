"""Read a tokenizer.json as JSON. Needs no tokenizers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json

NAME = "tokenizer.json"
SOURCES = (
    *(NAME, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
)
"""The files that a tokenizer may be made of."""
_WHOLE = "save the tokenizer anew with save_pretrained"


def read_tokenizer(folder: Path) -> Any:
    """None for a folder without one. Raises EdgeminError for another kind of file."""
    if not (folder / NAME).is_file():
        return None
    tokenizer = read_json(folder / NAME, _WHOLE)
    if not isinstance(tokenizer, dict) or not isinstance(tokenizer.get("model"), dict):
        raise EdgeminError(f"{folder / NAME}: no tokenizer (it has no `model`); {_WHOLE}")
    return tokenizer


def tokens_of(tokenizer: Any, file: Path) -> int:
    """One more than the highest id: rows that the embeddings need. Raises EdgeminError where there are no ids."""
    vocabulary = tokenizer["model"].get("vocab") or {}
    added = tokenizer.get("added_tokens") or []
    try:
        ids = [len(vocabulary) - 1] if isinstance(vocabulary, list) else list(vocabulary.values())
        return 1 + max([*map(int, ids), *(int(token["id"]) for token in added)])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EdgeminError(f"{file}: no vocabulary of ids ({error!r}); {_WHOLE}") from None


def type_ids_of(tokenizer: Any, pairs: bool) -> int:
    """How many type ids it gives the tokens of a text, or of the two texts of a pair."""
    count = 2 if pairs else 1
    processor = tokenizer.get("post_processor") or {}
    for one in processor.get("processors", [processor]):
        if one.get("type") == "RobertaProcessing":
            count = 1
        elif one.get("type") == "TemplateProcessing":
            pieces = one.get("pair" if pairs else "single") or []
            count = 1 + max((int(part.get("type_id", 0)) for piece in pieces for part in piece.values()), default=0)
    return count
