"""Safetensors files as NumPy arrays. Needs no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from edgemin.core.errors import EdgeminError


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    """Every tensor by name. Raises EdgeminError for an unreadable file."""
    import ml_dtypes  # noqa: F401 (teaches numpy what bfloat16 is)

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise EdgeminError(f"{file}: not a readable safetensors file ({error}); delete it and run snakemake again") from None
