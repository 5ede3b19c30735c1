"""Weights as codes of few bits that stand for codes of INT8, rounded one input at a time (GPTQ: Frantar et al. 2022, arXiv 2210.17323).

w ~ s p,  p = round(m q / 2^(b-1))  in INT8, s for each output, m in -127 .. 127 for each group of inputs, q in -2^(b-1) .. 2^(b-1) - 1

Inputs are rounded in the order of their second moments, largest first. H holds the moments, sums of x xᵀ over texts, and a hundredth of their mean on
the diagonal; UᵀU = H⁻¹, U upper triangular. After input j the weights w_k of all later ones become w_k - (w_j - s p_j) U_jk / U_jj, which makes the
squared error of the layer's output on those texts least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgemin.methods.schemes.few_bits.groups import fit, split

DAMPING = 0.01
"""What the diagonal gets, in means of the diagonal."""
_BLOCK = 64
"""Inputs after which the errors are passed on to all later ones at once."""


@dataclass(frozen=True)
class Packed:
    """A weight matrix of (outputs, inputs)."""

    codes: np.ndarray
    """int8 (outputs, inputs): q."""
    multipliers: np.ndarray
    """int8 (outputs, groups): m."""
    scale: np.ndarray
    """float32 (outputs,), or a scalar for all: s."""
    bits: int
    group: int

    def integers(self) -> np.ndarray:
        """p: int8 (outputs, inputs)."""
        of_input = np.repeat(self.multipliers, self.group, axis=1)[:, : self.codes.shape[1]]
        return _integers(self.codes.astype(np.float64), of_input, self.bits).astype(np.int8)

    def values(self) -> np.ndarray:
        """float32 (outputs, inputs): s p."""
        return np.asarray(self.integers() * self.scale.reshape(-1, 1), np.float32)


def pack(
    weight: np.ndarray,
    moments: np.ndarray | None,
    bits: int,
    group: int,
    largest: int = 127,
    per_channel: bool = True,
    scales: np.ndarray | None = None,
) -> Packed:
    """Round `weight`, float32 (outputs, inputs). moments: (inputs, inputs), None: each weight to its nearest code. largest: |p| at most.
    per_channel: a scale s for each output, else one for all. scales: what a step of q is, (outputs, groups), None: of least squared error."""
    middle = 2 ** (bits - 1)
    steps = fit(weight, bits, group, False).scales if scales is None else scales
    found = np.where(split(weight, group).any(-1), steps, 0)  # zeros have any scale
    scale = np.abs(found).max(1 if per_channel else None) * np.float32(middle / largest)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    multipliers = np.rint(found / scale.reshape(-1, 1) * middle)
    multipliers[multipliers == 0] = 1
    if moments is None:
        of_input = np.repeat(multipliers, group, axis=1)[:, : weight.shape[1]]
        codes = _nearest(weight / scale.reshape(-1, 1), of_input, bits)
    else:
        codes = _one_by_one(weight, moments, multipliers, scale.reshape(-1), bits, group)
    return Packed(codes.astype(np.int8), multipliers.astype(np.int8), scale, bits, group)


def _one_by_one(
    weight: np.ndarray, moments: np.ndarray, multipliers: np.ndarray, scale: np.ndarray, bits: int, group: int
) -> np.ndarray:
    """Codes (outputs, inputs) by GPTQ."""
    order = np.argsort(-np.diag(moments), kind="stable")
    left, of_input = weight[:, order].astype(np.float64), multipliers[:, order // group]
    upper = _upper(moments[np.ix_(order, order)])
    codes = np.empty_like(left)
    for start in range(0, left.shape[1], _BLOCK):
        end = min(start + _BLOCK, left.shape[1])
        errors = np.empty((len(left), end - start))
        for at in range(start, end):
            codes[:, at] = _nearest(left[:, at] / scale, of_input[:, at], bits)
            rounded = _integers(codes[:, at], of_input[:, at], bits) * scale
            errors[:, at - start] = (left[:, at] - rounded) / upper[at, at]
            left[:, at + 1 : end] -= np.outer(errors[:, at - start], upper[at, at + 1 : end])
        left[:, end:] -= errors @ upper[start:end, end:]
    back = np.empty_like(codes)
    back[:, order] = codes
    return back


def _upper(moments: np.ndarray) -> np.ndarray:
    """U of UᵀU = H⁻¹, for the moments without what is added to their diagonal."""
    count = len(moments)
    added = DAMPING * np.diag(moments).mean() or 1.0  # an input that is always zero: weights do not matter
    return np.asarray(np.linalg.cholesky(np.linalg.inv(moments.astype(np.float64) + added * np.eye(count))).T)


def _nearest(wanted: np.ndarray, multipliers: np.ndarray, bits: int) -> np.ndarray:
    """Codes whose integers p are nearest to `wanted`."""
    below = np.floor(wanted * 2 ** (bits - 1) / multipliers)
    both = [np.clip(code, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for code in (below, below + 1)]
    errors = [np.abs(_integers(code, multipliers, bits) - wanted) for code in both]
    return np.where(errors[0] <= errors[1], *both)


def _integers(codes: np.ndarray, multipliers: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(codes * multipliers / 2 ** (bits - 1))
