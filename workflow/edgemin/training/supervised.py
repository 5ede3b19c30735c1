"""A student and its training terms as one module. Its forward pass returns the loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from edgemin.encoders.blocks import Classifier


class Supervised(nn.Module):
    """A student with the weighted terms of one phase. terms: (name, weight, module)."""

    def __init__(self, student: Classifier, terms: Sequence[tuple[str, float, nn.Module]]) -> None:
        super().__init__()
        self.student = student
        self.terms = nn.ModuleList([module for _, _, module in terms])
        self.names = [name for name, _, _ in terms]
        self.weights = [weight for _, weight, _ in terms]
        self.raw = dict.fromkeys(self.names, 0.0)  # last value of each term, unweighted

    def forward(
        self, inputs: dict[str, torch.Tensor], labels: torch.Tensor, teacher: dict[str, torch.Tensor] | None = None
    ) -> dict[str, torch.Tensor]:
        logits = self.student(**inputs).logits.float()
        loss = logits.new_zeros(())
        with torch.autocast(logits.device.type, enabled=False):  # a KL of bf16 products would be off in the second digit
            for name, weight, term in zip(self.names, self.weights, self.terms, strict=True):
                value = term(logits=logits, mask=inputs["attention_mask"], labels=labels, teacher=teacher or {})
                self.raw[name] = float(value.detach())
                self.raw.update({f"{name}.{part}": size for part, size in getattr(term, "parts", {}).items()})
                loss = loss + weight * value
        return {"loss": loss}

    def release(self) -> None:
        """Remove the terms' hooks from the student."""
        for term in self.terms:
            capture: Any = getattr(term, "capture", None)
            if capture is not None:
                capture.remove()
