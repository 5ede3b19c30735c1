"""Neurons leave the two matrices of the FFN."""

from __future__ import annotations

from edgemin.encoders.surgery import keep_neurons

__all__ = ["keep_neurons"]
