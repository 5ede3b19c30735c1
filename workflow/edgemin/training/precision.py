"""Which precision training computes in."""

from __future__ import annotations

import torch


def bf16_here() -> bool:
    """Whether this device multiplies bf16 in hardware (CPU: AVX-512 BF16 or AMX)."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def resolve(precision: str) -> str:
    """`auto` -> `bf16` or `fp32`."""
    return ("bf16" if bf16_here() else "fp32") if precision == "auto" else precision
