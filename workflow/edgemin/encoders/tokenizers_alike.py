"""Check that a foreign tokenizer gives the same ids from its tokenizer.json alone and through transformers.

transformers 5 reads only the vocabulary from a tokenizer.json. The rest (case, accents, how text is split) comes from the class that
tokenizer_config.json names. Other programs read only the file. If the two differ, it is unknown which ids the model was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError, first_line
from edgemin.core.messages import excerpt

_TEXTS = (
    "a Text with CASE",
    "Äpfel, naïve café: éÉ",
    "a\u0301 e\u0308 n\u0303",
    "日本語 한국어 ไทย नमस्ते",
    "don't stop -- it's 3.14, $5 (50 %)!",
    "  two  spaces\tand tabs ",
    "\U0001f600 \u200d ﬁ ½ Ⅳ",
    "x" * 120,
    "http://a.b/c?d=e&f#g",
    "«quoted» “text” … – —",
    "1234567890 007",
)
_PIECES = 300


def check_alike(ours: Any, file: Path) -> None:
    """ours: the `tokenizers.Tokenizer` that transformers made of tokenizer.json (`file`) and its neighbours, without padding and truncation.

    Compares ids and type ids of texts in several scripts and of pieces of the vocabulary, single and as pairs. Raises EdgeminError for
    one that differs, with both readings.
    """
    from tokenizers import Tokenizer

    try:
        theirs = Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises bare Exception
        raise EdgeminError(
            f"{file}: not a tokenizer ({first_line(error)}); save the tokenizer anew with save_pretrained"
        ) from None
    theirs.no_padding()
    theirs.no_truncation()
    for text in (*_TEXTS, *_pieces(theirs)):
        for pair in (None, "b c"):
            by_transformers, by_file = ours.encode(text, pair), theirs.encode(text, pair)
            if (by_transformers.ids, by_transformers.type_ids) != (by_file.ids, by_file.type_ids):
                raise EdgeminError(
                    f"{file}: gives {excerpt(text)} {_tokens_of(by_file)}, and with tokenizer_config.json beside it transformers gives {_tokens_of(by_transformers)}; "
                    "save the tokenizer anew as the model was trained with it, or, if tokenizer.json is right, write "
                    '"tokenizer_class": "PreTrainedTokenizerFast" in tokenizer_config.json'
                )


def _pieces(tokenizer: Any) -> Iterator[str]:
    """Some of the vocabulary, evenly, as they are and in capitals."""
    vocabulary = sorted(tokenizer.get_vocab(with_added_tokens=False), key=str)
    for piece in vocabulary[:: max(1, len(vocabulary) // _PIECES)]:
        yield piece
        yield piece.upper()


def _tokens_of(encoded: Any) -> str:
    tokens = " ".join(encoded.tokens)
    return excerpt(tokens if len(set(encoded.type_ids)) < 2 else f"{tokens} (types {encoded.type_ids})")
