"""Weights rounded to few bits inside the training loop, with scales that are learned (LSQ: Esser et al. 2020, arXiv 1902.08153).

w -> s (clip(round(w / s) + z, 0, 2^b - 1) - z),  a scale s for each group, z fixed

The gradient to w passes where nothing is clipped. To s it is round(w / s) - w / s there and q - z where clipped, summed over the group and
divided by sqrt(n (2^(b-1) - 1)) of its n weights: as large, beside its scale, as a weight's beside the weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from edgemin.encoders.blocks import Classifier
from edgemin.methods.quantize.aware import Rounding
from edgemin.methods.schemes.few_bits.groups import fit
from edgemin.methods.schemes.few_bits.in_onnxruntime import table_group
from edgemin.methods.schemes.few_bits_qat import FewBitsQat
from edgemin.study.linear_layers import skips
from edgemin.training.gradients import scaled


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, grouped: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, bits: int) -> torch.Tensor:
        exact = grouped / scale
        steps = (exact.round() + zero).clamp_(0, 2**bits - 1).sub_(zero)
        context.save_for_backward(exact, steps)
        context.scale_of_gradient = (grouped.shape[-1] * max(1, 2 ** (bits - 1) - 1)) ** -0.5
        return steps * scale

    @staticmethod
    def backward(context: Any, *gradients: torch.Tensor) -> Any:
        (gradient,), (exact, steps) = gradients, context.saved_tensors
        inside = steps == exact.round()
        to_scale = torch.where(inside, steps - exact, steps).mul_(gradient).sum(-1, keepdim=True)
        return gradient * inside, to_scale * context.scale_of_gradient, None, None


def rounded(grouped: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, bits: int) -> torch.Tensor:
    """grouped: (..., group). scale, zero: (..., 1)."""
    result: torch.Tensor = _Rounded.apply(grouped, scale, zero, bits)
    return result


class _Matrix(nn.Module):
    """Scales and zero points of one module's weight, (rows, groups)."""

    def __init__(self, weight: torch.Tensor, bits: int, group: int, zero_point: bool, unit: float) -> None:
        """unit: what the scales' learning rate is of the phase's."""
        super().__init__()
        found = fit(weight.detach().cpu().numpy(), bits, group, zero_point)
        self.bits, self.group, self.unit = bits, group, unit
        self.first: torch.Tensor
        self.zeros: torch.Tensor
        self.register_buffer("first", torch.from_numpy(found.scales))
        self.register_buffer("zeros", torch.from_numpy(found.zeros.astype(np.float32)))
        self.share = nn.Parameter(torch.full(found.scales.shape, 1 / unit))

    def scales(self) -> torch.Tensor:
        return self.first * scaled(self.share, self.unit)

    def rounded(self, rows: torch.Tensor, which: torch.Tensor | None = None) -> torch.Tensor:
        """rows: (..., width) of the weight; which: their indices (...), all if None."""
        scales, zeros = self.scales(), self.zeros
        if which is not None:
            scales, zeros = F.embedding(which, scales), F.embedding(which, zeros)
        width = rows.shape[-1]
        grouped = F.pad(rows, (0, -width % self.group)).unflatten(-1, (-1, self.group))
        return rounded(grouped, scales[..., None], zeros[..., None], self.bits).flatten(-2)[..., :width]


class LearnedScales(Rounding):
    """A term that rounds the student's weights during a phase. Its loss is 0."""

    def __init__(self, student: Classifier, config: FewBitsQat) -> None:
        super().__init__(dict(_chosen(student, config)))
        unit = config.scale_learning_rate / config.learn.learning_rate
        self.matrices = nn.ModuleList()
        for name, module in self._modules_of.items():
            table = isinstance(module, nn.Embedding)
            bits = config.embeddings if table and config.embeddings else config.bits
            group = table_group(name, module.weight.shape[1], config.group) if table else config.group
            assert group is not None
            matrix = _Matrix(module.weight, bits, group, config.zero_point, unit)
            self.matrices.append(matrix)
            module.forward = (_table if table else _linear)(module, matrix)

    def scales(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Scales and zero points by the modules' dotted names, as they are now."""
        with torch.no_grad():
            pairs = [(one.scales().cpu().numpy(), one.zeros.cpu().numpy()) for one in self.matrices]  # type: ignore[operator]
        return dict(zip(self._modules_of, pairs, strict=True))


def _chosen(student: Classifier, config: FewBitsQat) -> Iterator[tuple[str, nn.Module]]:
    """The modules that are rounded, as in the graph: all linear layers but those to skip, and the tables of tokens."""
    for name, module in student.named_modules():
        linear = isinstance(module, nn.Linear) and not skips(config.skip, name)
        table = isinstance(module, nn.Embedding) and config.embeddings is not None and "embeddings" in name
        if linear or table:
            yield name, module


def _linear(module: nn.Linear, matrix: _Matrix) -> Any:
    def forward(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):  # a rounded weight is not one that bf16 has
            weight = matrix.rounded(module.weight.float())
        return F.linear(x, weight, module.bias)

    return forward


def _table(module: nn.Embedding, matrix: _Matrix) -> Any:
    def forward(which: torch.Tensor) -> torch.Tensor:
        rows = F.embedding(which, module.weight, module.padding_idx)
        return matrix.rounded(rows.float(), which)

    return forward
