"""Safetensors files, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from edgemin.core.errors import EdgeminError


def read_weights(file: Path) -> dict[str, torch.Tensor]:
    """Raises EdgeminError for a missing, truncated or foreign file."""
    try:
        return load_file(file)
    except FileNotFoundError:
        raise EdgeminError(f"{file}: no such file; run snakemake again to build it") from None
    except (SafetensorError, OSError) as error:
        raise EdgeminError(f"{file}: not a readable safetensors file ({error}); delete it and run snakemake again") from None


def save_weights(weights: Mapping[str, torch.Tensor], file: Path) -> None:
    """Save weights in the form of transformers."""
    save_file(dict(weights), file, metadata={"format": "pt"})
