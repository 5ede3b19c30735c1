"""Dimensions leave every module that has the hidden width in its shape."""

from __future__ import annotations

from edgemin.encoders.width import keep_width
from edgemin.methods.prune.inputs import Cut, PruneInputs
from edgemin.methods.structures.selection import select
from edgemin.methods.structures.width import Width
from edgemin.study.criterion import criterion_of
from edgemin.study.family import family_of


def cut_width(variant: Width, given: PruneInputs) -> Cut:
    """The facts hold the dimensions that stay."""
    model, criterion = given.model, criterion_of(variant.criterion, "width")
    scores = criterion.width(model, given.sample(variant.sentences, criterion.reads_data), given.seed)
    heads = int(getattr(model.config, family_of(model.config).sizes[1]))
    (kept,) = select([scores.tolist()], variant.ratio, "global", *variant.steps(heads), "dimensions")
    keep_width(model, kept)
    return Cut({"width_kept": kept})
