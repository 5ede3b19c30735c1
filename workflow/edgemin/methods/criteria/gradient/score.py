"""The norm of the loss's gradient by a unit's weights."""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.gradients import Pairs, from_gradients
from edgemin.methods.prune.scoring import Sample, Scores


def units(model: Classifier, structure: str, sample: Sample, output_only: bool = False) -> Scores:
    """The gradient norm of the mean loss over the examples."""
    return from_gradients(model, structure, sample, output_only, _norm)


def _norm(pairs: Pairs) -> torch.Tensor:
    return torch.stack([g.double().square().sum((1, 2)) for _, g in pairs]).sum(0).sqrt()
