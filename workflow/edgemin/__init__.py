"""EdgeMIN: an ablation study of compressing BERT-like encoders, as a library.

The package knows nothing of Snakemake. Data flows one way through it:
config -> tasks -> encoders -> training -> {distill, prune, quantize} -> deploy -> measure -> report.
"""

from pathlib import Path
from typing import Any

__version__ = "0.1.0"


def load(folder: Path | str) -> Any:
    """The PyTorch model of a checkpoint folder of any chain, in eval mode: float32, bfloat16 or packed INT8.

    Raises EdgeminError for a damaged folder, and for one that holds an ONNX model alone.
    """
    from edgemin.loading import load as load_folder

    return load_folder(folder)
