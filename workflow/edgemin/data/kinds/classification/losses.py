"""Cross-entropy with gold labels; three distances of predictions."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from edgemin.data.kinds.classification.scores import NO_LABEL


def loss(logits: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of logits (B, K) with class indices (B,): the mean over the examples that have one; 0 for a batch without."""
    known = gold != NO_LABEL
    errors = F.cross_entropy(logits, gold, ignore_index=NO_LABEL, reduction="none")
    return errors.masked_fill(~known, 0).sum() / known.sum().clamp(min=1)


def soft_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float, form: str) -> torch.Tensor:
    """form: `kl`, `mse` or `cross_entropy`."""
    if form == "mse":
        return logits_mse(student, teacher)
    return (soft_cross_entropy if form == "cross_entropy" else logits_kl)(student, teacher, temperature)


def logits_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 * KL(softmax(teacher/T) || softmax(student/T)), mean over the batch; both (B, K).

    Hinton et al. 2015, arXiv 1503.02531. As T grows it tends to |centred difference|^2 / 2K.
    """
    log_student = F.log_softmax(student / temperature, dim=-1)
    log_teacher = F.log_softmax(teacher / temperature, dim=-1)
    return temperature**2 * F.kl_div(log_student, log_teacher, log_target=True, reduction="batchmean")


def logits_mse(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the logits."""
    return F.mse_loss(student, teacher)


def soft_cross_entropy(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """-sum softmax(teacher/T) log softmax(student/T), mean over the batch; both (B, K).

    TinyBERT, arXiv 1909.10351 (whose code averages over the classes too, a K-th of this).
    """
    return F.cross_entropy(student / temperature, F.softmax(teacher / temperature, dim=-1))
