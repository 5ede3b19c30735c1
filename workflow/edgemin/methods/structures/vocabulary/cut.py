"""Remove the rows of the word embeddings of the removed pieces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.inputs import Cut, PruneInputs
from edgemin.methods.structures.vocabulary.tokenizer import KEPT


def cut(given: PruneInputs) -> Cut:
    """Keep the rows of the pieces that the given tokenizer has."""
    assert given.tokenizer is not None
    before, kept = given.model.config.vocab_size, read_json(given.tokenizer / KEPT)
    keep_pieces(given.model, kept)
    return Cut({"pieces_before": before, "pieces_kept": len(kept)})


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
