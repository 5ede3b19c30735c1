"""Tokenizers, as a folder's tokenizer.json has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.core.provenance import NAME, check_provenance


class Tokenizer:
    """What a folder's tokenizer.json says, read with the `tokenizers` library alone: measuring loads neither torch nor transformers.

    backend: the `tokenizers.Tokenizer`. Special tokens by name, None where the tokenizer has no such token: `pad_token`,
    `unk_token`, `mask_token`. Texts that are too long lose their end, as in a bundle.
    """

    def __init__(self, backend: Any, config: Mapping[str, Any]) -> None:
        self.backend = backend
        backend.no_padding()
        backend.no_truncation()
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
        """Ids of the special tokens, including the unknown token."""
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
    return Tokenizer(backend, config)


def masking(texts: Sequence[str], masked: Sequence[Sequence[int]] | None, tokenizer: Tokenizer) -> list[str]:
    """Texts with the tokenizer's own mask token in place of some words. masked: of each text, which words; words part at spaces."""
    token = tokenizer.mask_token or tokenizer.unk_token or ""
    done = []
    for text, places in zip(texts, masked or [()] * len(texts), strict=True):
        words, hidden = text.split(" "), set(places or ())
        done.append(" ".join(token if place in hidden else word for place, word in enumerate(words)) if hidden else text)
    return done


def tokenize(
    tokenizer: Tokenizer, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
) -> list[dict[str, list[int]]]:
    """`input_ids` and `token_type_ids` of each text (or pair), with special tokens, unpadded. No character has a special meaning."""
    tokenizer.backend.enable_truncation(max_length)
    encoded = tokenizer.backend.encode_batch(list(texts) if pairs is None else list(zip(texts, pairs, strict=True)))
    return [{"input_ids": one.ids, "token_type_ids": one.type_ids} for one in encoded]
