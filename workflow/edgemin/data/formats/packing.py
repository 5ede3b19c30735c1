"""Packed bytes -> bytes: all of them, or a fault."""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from edgemin.data.formats.content_error import ContentError

_STREAMS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}
_BROKEN = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError)
"""What these libraries raise for damaged files; RuntimeError and NotImplementedError: encrypted ones and unknown methods."""


def unpack(data: bytes, packing: str) -> bytes:
    """The content of a packed file. Raises ContentError for one that breaks off, is damaged, or holds several files."""
    try:
        if packing == "zip":
            return _only_member(data)
        if packing == "zstd":
            with pa.input_stream(io.BytesIO(data), compression="zstd") as stream:
                return bytes(stream.read())
        return _all_streams(data, _STREAMS[packing])
    except _BROKEN as error:
        reason = str(error) or type(error).__name__
        raise ContentError(f"not readable as {packing} ({reason.splitlines()[0]}); fetch or pack it again") from None


def _all_streams(data: bytes, make: Callable[[], Any]) -> bytes:
    """Files may be packed in parts, one after another. The libraries' own functions leave out parts that they cannot read."""
    parts = []
    while data:
        stream = make()
        parts.append(stream.decompress(data))
        if not stream.eof:
            raise EOFError("it breaks off")
        data = stream.unused_data.lstrip(b"\0")  # padding, which the formats allow
    return b"".join(parts)


def _only_member(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [one.filename for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
        if len(names) != 1:
            raise ContentError(
                f"holds {len(names)} files ({', '.join(map(ascii, names[:5]))}); unpack it and name one file a split"
            )
        return archive.read(names[0])
