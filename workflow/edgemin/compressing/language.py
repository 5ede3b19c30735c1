"""Whether an encoder can read texts of this language: a model of English learns little of signs that it does not know."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from edgemin.compressing.encoder import Encoder

MOST = 0.2
"""Share of unknown signs from which on it is worth a line."""
UNKNOWN = ("[UNK]", "<unk>")


def note(texts: Sequence[str], encoder: Encoder) -> str:
    """A line where many tokens are unknown to the vocabulary of a given encoder or, with the packaged one, whose vocabulary is not there yet, where many
    letters are not Latin; else nothing."""
    if "path" not in encoder.source:
        share = not_latin(texts)
        words = f"of the letters are not Latin, and {encoder.title} is of English texts: --model takes one of another language"
    else:
        share = unknown(texts, encoder.tokenizer())
        words = f"of the tokens are not in the vocabulary of {encoder.title}: is it of another language?"
    return f"{100 * share:.0f} % {words}" if share > MOST else ""


def not_latin(texts: Sequence[str]) -> float:
    """Share of the letters; 0 where there are none."""
    letters = [sign for text in texts for sign in text if sign.isalpha()]
    other = sum(not sign.isascii() and not unicodedata.name(sign, "").startswith("LATIN") for sign in letters)
    return other / max(1, len(letters))


def unknown(texts: Sequence[str], tokenizer: Any) -> float:
    """Share of the tokens of a `tokenizers.Tokenizer`, special ones aside; 0 where there is none."""
    if tokenizer is None:
        return 0.0
    numbers = {tokenizer.token_to_id(name) for name in UNKNOWN} - {None}
    ids = [number for one in tokenizer.encode_batch(list(texts), add_special_tokens=False) for number in one.ids]
    return sum(number in numbers for number in ids) / max(1, len(ids))
