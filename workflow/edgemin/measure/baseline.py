"""What a baseline answers and weighs: quality and size in the form of a cell's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from edgemin.core.arrays import read_arrays
from edgemin.core.files import gzip_bytes
from edgemin.data.arrow import read_rows
from edgemin.data.tokens import Tokens
from edgemin.measure import quality
from edgemin.measure.host import host
from edgemin.measure.texts import Texts
from edgemin.methods.floor import CONFIG, WEIGHTS, open_folder
from edgemin.study.floor import NUMPY
from edgemin.study.kind import kind_of


def measure_folder(folder: Path, files: Mapping[str, Path], spec: Mapping[str, Any]) -> tuple[dict[str, Any], pd.DataFrame]:
    """files: split -> rows. spec: metric, batch_size, threads. Returns what `quality.measure_folder` does."""
    texts = {split: Texts(read_rows(file)) for split, file in files.items()}
    run, tokens = cast(Any, open_folder(folder)), cast(Mapping[str, Tokens], texts)
    result, predictions = quality.measure(run, tokens, spec["batch_size"], kind_of(spec), spec["metric"])
    return {"runtime": NUMPY.name, **result, "host": host(spec["threads"])}, predictions


def size(folder: Path) -> dict[str, Any]:
    """Numbers and bytes of all files needed to answer, as in `measure.size`. It has none of an encoder's components."""
    arrays = read_arrays(folder / WEIGHTS).values()
    files = {name: (folder / name).stat().st_size for name in (CONFIG, WEIGHTS)}
    return {
        "naive": None,
        "logical": sum(values.size for values in arrays),
        "nonzero": sum(int(np.count_nonzero(values)) for values in arrays),
        "components": {},
        "files": files,
        "bytes": sum(files.values()),
        "compressed": sum(gzip_bytes(folder / name) for name in files),
    }
