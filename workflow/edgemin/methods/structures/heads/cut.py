"""Heads leave W_Q, W_K, W_V and W_O."""

from __future__ import annotations

from edgemin.encoders.surgery import keep_heads

__all__ = ["keep_heads"]
