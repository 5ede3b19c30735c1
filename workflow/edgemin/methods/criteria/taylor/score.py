"""|sum w * g| over a unit's weights w (Molchanov et al. 2017, arXiv 1611.06440)."""

from __future__ import annotations

import torch

from edgemin.encoders.blocks import Classifier
from edgemin.methods.prune.gradients import Pairs, from_gradients
from edgemin.methods.prune.scoring import Sample, Scores


def units(model: Classifier, structure: str, sample: Sample, output_only: bool = False) -> Scores:
    """The first-order change of the mean loss if the weights were removed."""
    return from_gradients(model, structure, sample, output_only, _change)


def _change(pairs: Pairs) -> torch.Tensor:
    return torch.stack([(w.detach().double() * g.double()).sum((1, 2)) for w, g in pairs]).sum(0).abs()
