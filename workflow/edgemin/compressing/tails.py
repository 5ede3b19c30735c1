"""Forms of a branch's model that cost no training: fewer word pieces, fewer bits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edgemin.compressing.branch import RUNTIME, Branch, Cell
from edgemin.compressing.sizes import GROUP, Sizes
from edgemin.methods.schemes.int4 import SMALLEST

QUANTIZE: Mapping[str, Mapping[str, Any]] = {
    "int8": {"scheme": "int8_fused", "backend": RUNTIME},
    "int4": {"scheme": "int8_packed", "backend": RUNTIME, "group": GROUP},
    "vectors": {"scheme": "int4", "backend": RUNTIME, "linear": 32},
}
"""Static, or of tables alone: answers do not depend on what else is in the batch. The smallest groups: with twice as large ones tables of four bits changed
6 to 8 of 100 answers to hard texts (docs/compress.md)."""
VOCABULARY: Mapping[str, Any] = {"structure": "vocabulary"}
TAILS = {
    "": ("", "float", ""),
    "int8": ("/quantize-int8", "int8", "INT8"),
    "int4": ("/quantize-int4", "int4", "INT8, stored in four bits"),
    "vocabulary": ("/prune-vocabulary/quantize-int8", "int8", "INT8, only with word pieces that training texts use"),
    "smallest": (
        "/prune-vocabulary/quantize-int4",
        "int4",
        "INT8, stored in four bits, only with word pieces that training texts use",
    ),
}
"""Name -> links, form of the weights, words."""
STATIC_TAILS = {"": TAILS[""], "int4": ("/quantize-vectors", "int4", "vectors of four bits")}
"""Of static students. Their head is dynamic in INT8, and small: it stays floats."""


def tails_of(branch: Branch, pieces: int) -> list[str]:
    """Those that the encoder allows."""
    if not isinstance(branch.sizes, Sizes):
        return ["", *(["int4"] if branch.sizes.width % SMALLEST == 0 else [])]
    cut = branch.encoder.wordpiece and pieces < branch.sizes.vocabulary
    four = branch.sizes.embedding % SMALLEST == 0
    return ["", "int8", *(["vocabulary"] if cut else []), *(["smallest" if cut else "int4"] if four else [])]


def with_cells(branch: Branch, tails: list[str], pieces: int) -> Branch:
    cells = []
    for tail in tails:
        links, form, words = (STATIC_TAILS if branch.static else TAILS)[tail]
        sizes = (
            branch.sizes.with_vocabulary(pieces) if "vocabulary" in links and isinstance(branch.sizes, Sizes) else branch.sizes
        )
        question = f"`{branch.name}` in {words}" if tail else branch.question
        cells.append(Cell("_".join(filter(None, (branch.name, tail))), branch.chain + links, sizes, form, question))
    return replace(branch, cells=tuple(cells))
