"""A WordPiece tokenizer with the pieces that texts use often; with every single-character piece, so that any text still tokenizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgemin.core.files import write_json
from edgemin.data.tokens import Tokens
from edgemin.methods.structures.vocabulary.tokenizer import KEPT, kept_pieces, write_tokenizer


def write(folder: Path, tokens: Sequence[Path], at_least: int, out: Path) -> None:
    """Cut the tokenizer of `folder` to what its `tokens` use at least so often, and write it with `kept.json` to the folder `out`."""
    kept = frequent_pieces(folder, tokens, at_least)
    write_tokenizer(folder, kept, out)
    write_json(out / KEPT, kept)


def frequent_pieces(folder: Path, tokens: Sequence[Path], at_least: int) -> list[int]:
    """Ids that stay, rising: those that one of the files has `at_least` times, special tokens and single characters.

    Files are counted apart, since a transfer set holds the training split again. Raises EdgeminError for a tokenizer that is not WordPiece.
    """
    always = kept_pieces(folder, [])
    often = [np.flatnonzero(np.bincount(Tokens.read(file, folder).flat) >= at_least).tolist() for file in tokens]
    return sorted({*always, *(piece for file in often for piece in file)})
