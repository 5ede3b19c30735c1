"""Functions with a deliberately different gradient."""

from __future__ import annotations

from typing import Any

import torch


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: torch.Tensor, scale: float) -> torch.Tensor:
        return x * scale

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        return gradients[0], None


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        return -gradients[0]


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: torch.Tensor) -> torch.Tensor:
        return x.round()

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        return gradients[0]


def scaled(x: torch.Tensor, scale: float) -> torch.Tensor:
    """x * scale, with an unscaled gradient. An Adam step on x moves the result `scale` times as far. The size of the gradient,
    which clipping uses, stays the same."""
    return _Scaled.apply(x, scale)


def reversed_gradient(x: torch.Tensor) -> torch.Tensor:
    """x, with the sign of the gradient reversed: an optimiser that minimises then maximises."""
    return _Reversed.apply(x)


def straight_through_round(x: torch.Tensor) -> torch.Tensor:
    """x rounded, halves to even. The gradient is that of the identity (Bengio et al. 2013, arXiv 1308.3432)."""
    return _Round.apply(x)
