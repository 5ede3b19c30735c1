"""The hard concrete distribution: gates in [0, 1] that are exactly 0 or 1 with some probability, and differentiable.

Louizos et al. 2018 (arXiv 1712.01312); constants and the settled gate as in CoFi (Xia et al. 2022, arXiv 2204.00408).
"""

from __future__ import annotations

import math

import torch

BETA = 2 / 3  # temperature
LOW, HIGH = -0.1, 1.1  # the interval that the concrete distribution is stretched to, before it is clipped
EPSILON = 1e-6
BOUNDS = (math.log(1e-2), math.log(1e2))  # of log_alpha
_SHARPER = 0.8  # of the settled gate


def open_probability(log_alpha: torch.Tensor) -> torch.Tensor:
    """P(z > 0), within [1e-6, 1 - 1e-6]: 1 - sigmoid(beta * logit(x) - log_alpha) at x = -LOW / (HIGH - LOW) = 1/12."""
    closed = torch.sigmoid(BETA * math.log(-LOW / HIGH) - log_alpha)
    return 1 - closed.clamp(EPSILON, 1 - EPSILON)


def sample(log_alpha: torch.Tensor) -> torch.Tensor:
    """A gate for each log_alpha, from torch's random state."""
    u = torch.empty_like(log_alpha).uniform_(EPSILON, 1 - EPSILON)
    concrete = torch.sigmoid((torch.log(u) - torch.log(1 - u) + log_alpha) / BETA)
    return (concrete * (HIGH - LOW) + LOW).clamp(0, 1)


def settled(log_alpha: torch.Tensor, multiple: int = 1, least: int = 0) -> torch.Tensor:
    """Deterministic gates: sigmoid(0.8 log_alpha / beta). The lowest are 0, as many as are expected to be closed.

    multiple: the number of open gates is the nearest multiple of it, at least `least`, at most all.
    """
    expected = float(open_probability(log_alpha).sum())
    kept = min(max(round(expected / multiple) * multiple, least), len(log_alpha))
    gates = torch.sigmoid(log_alpha / BETA * _SHARPER)
    gates[torch.argsort(gates, stable=True)[: len(gates) - kept]] = 0
    return gates
