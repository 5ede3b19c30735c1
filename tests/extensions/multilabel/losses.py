"""A coin for each class."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def loss(logits: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy of logits (B, K) with 0 and 1, over the examples that have labels; 0 for a batch without."""
    known = ~gold.isnan()
    errors = F.binary_cross_entropy_with_logits(logits, gold.to(logits.dtype).masked_fill(~known, 0), reduction="none")
    return errors.masked_fill(~known, 0).sum() / known.sum().clamp(min=1)


def soft_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float, form: str) -> torch.Tensor:
    """T^2 times the KL of each class's chance, from the teacher's to the student's; `mse`: of the logits."""
    if form == "mse":
        return F.mse_loss(student, teacher)
    ours, theirs = student / temperature, (teacher / temperature).to(student.dtype)
    chance = theirs.sigmoid()
    cross = F.binary_cross_entropy_with_logits(ours, chance, reduction="none")
    if form == "cross_entropy":
        return cross.mean()
    return temperature**2 * (cross - F.binary_cross_entropy_with_logits(theirs, chance, reduction="none")).mean()
