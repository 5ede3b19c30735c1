"""EdgeMIN: an ablation study of compressing BERT-like encoders, as a library.

The package knows nothing of Snakemake. Its layers, each of which imports from those before it alone:
core, study (with the settings of all methods), plan, data, encoders, runtimes, training, methods, measure, report, deploy, cli.
"""

from pathlib import Path
from typing import Any

__version__ = "0.2.0"


def load(folder: Path | str) -> Any:
    """The PyTorch model of a checkpoint folder of any chain, in eval mode: float32, bfloat16 or packed INT8.

    Raises EdgeminError for a damaged folder, and for one that holds a model for another runtime alone.
    """
    from edgemin.runtimes.torch.run import load as load_folder

    return load_folder(folder)
