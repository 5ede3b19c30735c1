"""Check data sources by names, folders and first bytes. Problems are reported before any job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgemin.core.errors import EdgeminError
from edgemin.core.messages import line
from edgemin.study.formats import DELIMITED, format_of, problem_of
from edgemin.study.sources import DataSource, Written


def check_data(key: str, source: DataSource) -> None:
    """Raises EdgeminError for a missing file, an unsupported format, and a key that does not apply to the source's files."""
    kind = "files" if source.files else "hub" if source.hub else "pip"
    written = source.files or source.hub or source.pip
    assert written is not None
    if source.files:
        for split, file in source.files.paths.items():
            _check_local(f"{key}.files.{split}", file)
    forms = set(_forms(f"{key}.{kind}", source))
    if name := _in_vain(written, forms):
        raise EdgeminError(f"{key}.{kind}.{name}: says nothing of files in {' and '.join(sorted(forms))}; take it out")


def _check_local(key: str, file: str) -> None:
    try:
        there = Path(file).is_file() or Path(file).is_dir()
    except OSError:  # a name that is too long, a folder that may not be read
        there = False
    if not there:
        raise EdgeminError(f"{key}: no file {line(file)}; paths are relative to where snakemake runs")
    if problem := problem_of(file):
        raise EdgeminError(f"{key}: {line(file)}: {problem}")


def _forms(key: str, source: DataSource) -> Iterator[str]:
    """Formats of its files, by their names; a folder of a saved data set is in Arrow."""
    if source.files:
        yield from ("arrow" if Path(file).is_dir() else format_of(file).form for file in source.files.paths.values())
    elif source.pip:
        yield source.pip.format
    for split, name in source.hub.files.items() if source.hub else ():
        try:
            yield format_of(name).form
        except ValueError as error:
            raise EdgeminError(f"{key}.files.{split}: {line(name)}: {error}") from None


def _in_vain(written: Written, forms: set[str]) -> str | None:
    """The first key that is set although it applies to none of the formats."""
    keys = [] if forms & {*DELIMITED, "json"} else ["encoding"]
    keys += [] if forms & set(DELIMITED) else ["separator", "quoting", "columns"]
    return next((name for name in keys if getattr(written, name) is not None), None)
