"""INT8 rounding inside the training loop. The gradient ignores the rounding (straight-through estimator).

x -> (clip(round(x / s) + z, 0, 255) - z) s        what a linear layer reads, s and z from a range
w -> round(w / s) s,  s = max|w| / 127 (or 64)     its weights, per output channel or per matrix

The classifier's head is not rounded: it is shipped in floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from edgemin.encoders.blocks import Classifier
from edgemin.methods.quantize.aware import Rounding
from edgemin.methods.quantize.ranges import Range
from edgemin.methods.schemes.int8_qat import Int8Qat
from edgemin.methods.schemes.int8_static.in_onnxruntime import FULL, REDUCED
from edgemin.study.family import family_of
from edgemin.study.linear_layers import skips
from edgemin.training.gradients import scaled, straight_through_round


def fake_quant_weight(weight: torch.Tensor, per_channel: bool, reduce_range: bool = False) -> torch.Tensor:
    """(out, in) as int8 holds it, or 7 bits of it; the gradient passes as it is."""
    scale = weight.detach().abs().amax(1, keepdim=True) if per_channel else weight.detach().abs().amax()
    scale = torch.where(scale == 0, torch.ones_like(scale), scale / (REDUCED if reduce_range else FULL))
    return straight_through_round(weight / scale) * scale


def fake_quant_activation(x: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """x rounded as uint8 in the range [low, high] around 0. Inside the range the gradient passes. Outside it is zero; it goes to
    the end that was exceeded, if it is learned."""
    low, high = low.clamp(max=0), high.clamp(min=0)
    scale = (high - low).clamp(min=1e-8) / 255
    zero = straight_through_round(-low / scale).clamp(0, 255)
    clipped = torch.minimum(torch.maximum(x, -zero * scale), (255 - zero) * scale)
    return straight_through_round(clipped / scale) * scale


class FakeQuant(Rounding):
    """A term that quantizes the linear layers of the student's encoder during a phase. Its loss is 0.

    ranges: what each linear layer reads at first, by its dotted name.
    """

    def __init__(self, student: Classifier, config: Int8Qat, ranges: Mapping[str, Range]) -> None:
        base = family_of(student.config).base
        super().__init__(
            {  # all but the head
                name: module
                for name, module in student.named_modules()
                if isinstance(module, nn.Linear) and name.startswith(f"{base}.") and ".pooler." not in name
                if not skips(config.skip, name)
            }
        )
        self.config = config
        learned = config.ranges == "learned"
        self.scale = config.range_learning_rate / config.learn.learning_rate if learned else 1.0
        ends = torch.tensor([ranges[name] for name in self._modules_of], dtype=torch.float32).reshape(-1, 2)
        self.ends = nn.Parameter(ends / self.scale, requires_grad=learned)
        self._mask: torch.Tensor | None = None
        self._trains = lambda: self.training and student.training  # validation puts the student alone into eval mode
        self._handle = student.register_forward_pre_hook(self._see_mask, with_kwargs=True)
        for number, module in enumerate(self._modules_of.values()):
            module.forward = self._forward(number, module)

    def _see_mask(self, module: nn.Module, arguments: Any, named: Any) -> None:
        self._mask = named["attention_mask"].bool()

    def _forward(self, number: int, module: nn.Linear) -> Any:
        def forward(x: torch.Tensor) -> torch.Tensor:
            if self._trains() and self.config.ranges == "ema":
                self._widen(number, x.detach())
            low, high = scaled(self.ends[number], self.scale)
            with torch.autocast(x.device.type, enabled=False):  # bf16 has fewer steps than INT8
                rounded = fake_quant_activation(x.float(), low, high)
                weight = fake_quant_weight(module.weight.float(), self.config.per_channel, self.config.reduce_range)
            return F.linear(rounded, weight, module.bias)

        return forward

    @torch.no_grad()
    def _widen(self, number: int, x: torch.Tensor) -> None:
        assert self._mask is not None
        real = x[self._mask].float()
        seen = torch.stack([real.min().clamp(max=0), real.max().clamp(min=0)])
        self.ends[number].mul_(self.config.momentum).add_(seen, alpha=1 - self.config.momentum)

    def ranges(self) -> dict[str, Range]:
        """By the layers' dotted names, as they are now."""
        return {
            name: (float(low), float(high))
            for name, (low, high) in zip(self._modules_of, (self.ends * self.scale).tolist(), strict=True)
        }

    def told(self) -> dict[str, Any]:
        return {"ranges": self.ranges()}

    def remove(self) -> None:
        self._handle.remove()
        super().remove()
