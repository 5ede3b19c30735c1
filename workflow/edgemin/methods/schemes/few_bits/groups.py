"""Groups of weights as integer codes: the scale of least squared error, and codes packed into bytes.

w ~ s (q - z), q and z in 0 .. 2^b - 1. A scale may be negative. Without zero points z is the middle, 2^(b-1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SHARES = np.arange(12, 41) / 40
"""What the search tries: from 0.3 to 1 of the scale at which nothing is clipped."""
_CHUNK = 1 << 20  # weights at a time, so that a table of words does not need many times its memory


@dataclass(frozen=True)
class Groups:
    """A matrix of (rows, width) as codes."""

    codes: np.ndarray
    """uint8 (rows, groups, group); those beyond the width are the zero point."""
    scales: np.ndarray
    """float32 (rows, groups)."""
    zeros: np.ndarray
    """uint8 (rows, groups)."""
    bits: int
    width: int

    def values(self) -> np.ndarray:
        """The weights that the codes stand for: float32 (rows, width)."""
        steps = self.codes.astype(np.float32) - self.zeros[..., None]
        return np.asarray((steps * self.scales[..., None]).reshape(len(steps), -1)[:, : self.width])


def split(values: np.ndarray, group: int) -> np.ndarray:
    """(rows, width) -> (rows, groups, group), the last group filled up with zeros."""
    rows, width = values.shape
    count = -(-width // group)
    return np.pad(values, ((0, 0), (0, count * group - width))).reshape(rows, count, group)


def encode(values: np.ndarray, group: int, scales: np.ndarray, zeros: np.ndarray, bits: int) -> Groups:
    """Round (rows, width) to given scales and zero points, (rows, groups) each."""
    codes = _codes(split(values, group), scales, zeros, bits)
    return Groups(codes.astype(np.uint8), scales.astype(np.float32), zeros.astype(np.uint8), bits, values.shape[1])


def fit(values: np.ndarray, bits: int, group: int, zero_point: bool) -> Groups:
    """Codes of (rows, width) float32. Each group takes, of the scales tried, that of least squared error, and moves it to the least-squares
    one for its codes, Σ w (q - z) / Σ (q - z)²."""
    grouped = split(values.astype(np.float32), group)
    flat = grouped.reshape(-1, group)
    scales, zeros = np.empty(len(flat), np.float32), np.empty(len(flat), np.float32)
    step = max(1, _CHUNK // group)
    for start in range(0, len(flat), step):
        scales[start : start + step], zeros[start : start + step] = _search(flat[start : start + step], bits, zero_point)
    shape = grouped.shape[:2]
    return encode(values, group, scales.reshape(shape), zeros.reshape(shape), bits)


def _search(flat: np.ndarray, bits: int, zero_point: bool) -> tuple[np.ndarray, np.ndarray]:
    """(n, group) -> scales (n,), zero points (n,)."""
    best = np.full(len(flat), np.inf, np.float32)
    scales, zeros = np.ones(len(flat), np.float32), np.full(len(flat), 2 ** (bits - 1), np.float32)
    for scale, zero in _candidates(flat, bits, zero_point):
        steps = _codes(flat, scale, zero, bits) - zero[:, None]
        scale = _least_squares(flat, steps, scale)
        error = np.square(flat - scale[:, None] * (_codes(flat, scale, zero, bits) - zero[:, None])).sum(-1)
        better = error < best
        best[better], scales[better], zeros[better] = error[better], scale[better], zero[better]
    return scales, zeros


def _candidates(flat: np.ndarray, bits: int, zero_point: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of scales and zero points, (n,) each."""
    top = 2**bits - 1
    low, high = flat.min(-1).clip(max=0), flat.max(-1).clip(min=0)
    for share in SHARES:
        if zero_point:
            scale = _positive((high - low) * share / top)
            yield scale, np.clip(np.rint(-low * share / scale), 0, top)
        else:
            scale = _positive(np.maximum(high, -low) * share / (top // 2))
            middle = np.full(len(flat), top // 2 + 1, np.float32)
            yield scale, middle
            yield -scale, middle


def _positive(scale: np.ndarray) -> np.ndarray:
    return np.where(scale > 0, scale, 1).astype(np.float32)


def _codes(grouped: np.ndarray, scales: np.ndarray, zeros: np.ndarray, bits: int) -> np.ndarray:
    """float32 codes of (..., group); scales and zeros: (...)."""
    return np.clip(np.rint(grouped / scales[..., None]) + zeros[..., None], 0, 2**bits - 1)


def _least_squares(flat: np.ndarray, steps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The scale of least error for given steps; as it was where all steps are zero, or it would vanish."""
    squares = np.square(steps).sum(-1)
    fitted = (flat * steps).sum(-1) / np.where(squares > 0, squares, 1)
    return np.asarray(np.where((squares > 0) & (fitted != 0), fitted, scale), np.float32)


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes of 8, 4 or 2 bits along the last axis into bytes, the first in the lowest bits; the last byte is filled up with zeros."""
    per = 8 // bits
    filled = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % per)])
    packed = np.zeros((*filled.shape[:-1], filled.shape[-1] // per), np.uint8)
    for place in range(per):
        packed |= filled[..., place::per] << (bits * place)
    return packed


def planes(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes of any number of bits as one plane for each bit, the lowest first: (bits, bytes), eight codes in a byte, the first in its
    lowest bit."""
    return np.stack([np.packbits(codes.ravel() >> place & 1, bitorder="little") for place in range(bits)])
