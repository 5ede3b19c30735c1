"""EdgeMIN: an ablation study of compressing BERT-like encoders, as a library.

The package knows nothing of Snakemake. Its layers, each of which imports from those before it alone:
core, study (with the settings of all methods), plan, data, encoders, runtimes, training, methods, measure, report, deploy, compressing, cli.
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


def compress(data: Path | str, text: str, label: str, *, pair: str | None = None, **options: Any) -> Any:
    """The recipe to ship within limits, as `edgemin compress` finds it: an `Answer` with the cell, the folder of its bundle and the page; None
    after a dry run.

    text, pair, label: columns of `data`. options: those of the command, with underscores (`max_mb=10`, `model="models/my-bert"`, `labels=[...]`).
    Raises EdgeminError, before any training, for what cannot be done.
    """
    from edgemin.compressing.command import perform
    from edgemin.compressing.request import Request

    paths = {name: str(options[name]) for name in ("model", "out") if options.get(name)}
    labels = tuple(options["labels"]) if options.get("labels") else None
    return perform(
        Request(**{**options, **paths, "labels": labels}, data=str(data), text=tuple(filter(None, (text, pair))), label=label)
    )
