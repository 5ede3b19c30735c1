"""Settings and data of one training."""

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
    """Settings shared by all phases of a training."""

    metric: str
    kind: Kind
    seed: int
    precision: str
    """`bf16` or `fp32`."""
    scratch: Path
    """Folder of the resume state. Its name must be a digest of everything that the result depends on."""


@dataclass(frozen=True)
class TrainingInputs:
    """The data and settings of a training job."""

    examples: Examples
    validation: Examples
    settings: Settings
    signals: Signals | None = None
