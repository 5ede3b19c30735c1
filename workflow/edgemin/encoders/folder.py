"""A model's folder, written whole or not at all.

A checkpoint's holds model.safetensors, config.json, tokenizer.json, tokenizer_config.json and provenance.json.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.files import whole_folder
from edgemin.provenance import write_provenance

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
CHECKPOINT_FILES = ("model.safetensors", "config.json", *TOKENIZER_FILES)


@contextmanager
def saving(
    folder: Path | str, *, tokenizer_from: Path | str, spec: Mapping[str, Any], parents: Iterable[Path | str]
) -> Iterator[Path]:
    """Yield a temporary folder for an artefact; tokenizer and provenance are added, then all files move to `folder`."""
    with whole_folder(folder) as partial:
        yield partial
        for name in TOKENIZER_FILES:
            shutil.copyfile(Path(tokenizer_from) / name, partial / name)
        write_provenance(partial, spec=spec, parents=parents)
