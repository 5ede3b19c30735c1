"""What a training is run with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from edgemin.study.kind import Kind
from edgemin.training.data import Examples, Signals

MakeTerm = Callable[[Any], nn.Module]
"""Settings of a term -> module, called as term(logits, mask, labels, teacher)."""


@dataclass(frozen=True)
class Settings:
    """What holds for all phases of a training."""

    metric: str
    kind: Kind
    seed: int
    precision: str
    """`bf16` or `fp32`."""
    scratch: Path
    """Folder of the resume state: its name must digest all that the result depends on."""


@dataclass(frozen=True)
class Given:
    """What a training job trains on."""

    examples: Examples
    validation: Examples
    settings: Settings
    signals: Signals | None = None
