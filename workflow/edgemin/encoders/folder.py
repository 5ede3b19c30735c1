"""A model's folder, written whole or not at all.

A checkpoint's holds model.safetensors, config.json, tokenizer.json, tokenizer_config.json and provenance.json.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.core.files import whole_folder
from edgemin.core.provenance import write_provenance
from edgemin.study.runtime import TOKENIZER_FILES


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
