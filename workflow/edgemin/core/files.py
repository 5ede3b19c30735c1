"""Files that are either whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError

_CHUNK = 1 << 20


@contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`. On success it replaces `path`; on failure it is deleted."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        _share(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path | str) -> Iterator[Path]:
    """Yield a temporary folder; on success its files move into `path` (created if need be), one by one.

    `path` may hold other things already (the folders of child stages, for one); they stay.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    partial = path / f".partial.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for file in sorted(partial.iterdir()):
            _share(file)
            file.replace(path / file.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _share(file: Path) -> None:
    """Permissions as the user's umask has them: safetensors makes files that nobody else can read."""
    umask = os.umask(0)
    os.umask(umask)
    if file.is_file():
        file.chmod(0o666 & ~umask)


def write_json(path: Path | str, value: Any) -> None:
    with whole_file(path) as partial:
        partial.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_parquet(path: Path | str, table: Any) -> None:
    """table: a pandas DataFrame; its index is left out."""
    with whole_file(path) as partial:
        table.to_parquet(partial, index=False)


def read_json(path: Path | str, remedy: str = "delete it and run snakemake again") -> Any:
    """Raises EdgeminError if the file is missing or not JSON. remedy: for a file that is none of ours."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EdgeminError(f"{path}: no such file; delete its folder and run snakemake again") from None
    except (ValueError, RecursionError) as error:  # of JSON, or of UTF-8
        raise EdgeminError(f"{path}: not valid JSON ({error}); {remedy}") from None


def sha256(path: Path | str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def gzip_bytes(path: Path | str, level: int = 6) -> int:
    """Bytes of the file after gzip at `level`, without writing it anywhere."""

    class Counter:
        size = 0

        def write(self, chunk: bytes) -> int:
            self.size += len(chunk)
            return len(chunk)

    counter = Counter()
    with Path(path).open("rb") as stream, gzip.GzipFile(fileobj=counter, mode="wb", compresslevel=level, mtime=0) as out:  # type: ignore[call-overload]
        shutil.copyfileobj(stream, out, _CHUNK)
    return counter.size
