"""Remove the rows of the word embeddings of the removed pieces, as for pieces that no text uses."""

from __future__ import annotations

from edgemin.methods.structures.vocabulary.cut import cut

__all__ = ["cut"]
