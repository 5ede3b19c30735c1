"""Formats of data files: what a name promises, and what the first bytes say. Needs the standard library alone, so that planning can ask."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = {
    "csv": "csv",
    "tsv": "tsv",
    "json": "json",
    "jsonl": "json",
    "ndjson": "json",
    "parquet": "parquet",
    "arrow": "arrow",
    "feather": "arrow",
}
"""Suffix -> format."""
PACKED = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd", "zip": "zip"}
"""Suffix after that of the format -> how the file is packed."""
DELIMITED = ("csv", "tsv")
HEAD = 1024
"""Bytes that tell what a file is."""
STATE = "state.json"
"""What the folder of one data set that `save_to_disk` wrote has."""
_KNOWN = "use .csv, .tsv, .json, .jsonl or .parquet (also .ndjson, .arrow, .feather; packed: .csv.gz, .bz2, .xz, .zst or .zip)"
_SIGNS = (
    (rb"\x1f\x8b", "gzip", "a file packed with gzip"),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bzip2", "a file packed with bzip2"),
    (rb"\xfd7zXZ\x00", "xz", "a file packed with xz"),
    (rb"\x28\xb5\x2f\xfd", "zstd", "a file packed with zstd"),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", "zip", "a ZIP archive, or an Excel workbook"),
    (rb"\x04\x22\x4d\x18", "", "a file packed with lz4"),
    (rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07", "", "a 7z or RAR archive"),
    (rb"(?s:.{257})ustar", "", "a tar archive"),
    (rb"PAR1[\x00-\x1f]", "parquet", "a Parquet file"),
    (rb"ARROW1\x00\x00|\xff\xff\xff\xff[\x00-\xff]{2}\x00\x00", "arrow", "an Arrow file"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "", "an old Excel workbook"),
    (rb"\x89HDF\r\n", "", "an HDF5 file"),
    (rb"SQLite format 3\x00", "", "an SQLite database"),
    (rb"%PDF-", "", "a PDF"),
    (rb"\x93NUMPY", "", "a NumPy array"),
    (rb"Obj\x01", "", "an Avro file"),
    (rb"\x80[\x02-\x05]", "", "a pickle, which is never read"),
    (
        rb"version https://git-lfs\.github\.com/spec/",
        "",
        "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`",
    ),
    (
        rb"[./]*\.git/annex/objects/|/annex/objects/",
        "",
        "a pointer of git-annex, not the file itself: fetch it with `git annex get`",
    ),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head)\b", "", "a web page (HTML), perhaps of a login"),
    (rb"(\xef\xbb\xbf)?\s*<\?xml\b", "", "XML"),
)
"""First bytes, as a regular expression; the format or packing, where it is one of those above; in words."""


@dataclass(frozen=True)
class Format:
    """form: csv, tsv, json, parquet or arrow. packing: gzip, bzip2, xz, zstd, zip or nothing."""

    form: str
    packing: str = ""


def format_of(name: str) -> Format:
    """The format that a file's name promises. Raises ValueError with the remedy for one that is not read."""
    suffixes = [suffix.lower().lstrip(".") for suffix in Path(name).suffixes]
    packing = PACKED.get(suffixes[-1], "") if suffixes else ""
    suffix = suffixes[-2] if packing and len(suffixes) > 1 else "" if packing or not suffixes else suffixes[-1]
    if suffix in SUFFIXES:
        return Format(SUFFIXES[suffix], packing)
    if packing:
        raise ValueError(f"the name does not say what is packed in it; rename it to, for example, name.csv.{suffixes[-1]}")
    raise ValueError(f"unknown format '.{suffix}'; {_KNOWN}")


def packing_of(name: str) -> str:
    """How a file of this name is packed; empty: it is not."""
    return PACKED.get(Path(name).suffix.lower().lstrip("."), "")


def sign_of(head: bytes) -> tuple[str, str]:
    """What the first bytes of a file say: (format or packing, in words); both empty for text and what is not known."""
    for pattern, name, words in _SIGNS:
        if re.match(pattern, head, re.IGNORECASE if b"<" in pattern else 0):
            return name, words
    return "", ""


def mismatch(head: bytes, expected: str) -> str | None:
    """What the file is, in words, if its first bytes say something else than `expected` (a format or packing); else None."""
    name, words = sign_of(head)
    return words if words and name != expected else None


def problem_of(path: str) -> str | None:
    """What is wrong with a local file or folder, as far as its name and first bytes say, with the remedy; None if nothing."""
    if Path(path).is_dir():
        return _problem_of_folder(Path(path))
    try:
        promised = format_of(path)
        with Path(path).open("rb") as file:
            words = mismatch(file.read(HEAD), promised.packing or promised.form)
    except ValueError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read ({error.strerror}); correct the path in the study"
    return (
        f"holds {words}, and its name says {promised.packing or promised.form}; name or convert it as what it is"
        if words
        else None
    )


def parts_of(folder: Path) -> list[Path]:
    """The Arrow files of a data set that `save_to_disk` wrote, in order. Raises ValueError with the remedy if they are not all there."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        parts = [folder / Path(str(one["filename"])).name for one in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"its {STATE} names no files of data; save it again, or name a file") from None
    if not parts or state.get("_indices_data_files") or state.get("_indices_files"):
        raise ValueError(
            f"its {STATE} names no rows, or rows by an index of an old version; save it again with a newer `datasets`"
        )
    for part in parts:
        if not part.is_file():
            raise ValueError(f"its part {part.name} is not there; save it again")
        with part.open("rb") as file:
            if sign_of(file.read(HEAD))[0] != "arrow":
                raise ValueError(f"its part {part.name} is no Arrow file; save it again")
    return parts


def _problem_of_folder(folder: Path) -> str | None:
    if (folder / STATE).is_file():
        try:
            parts_of(folder)
        except (ValueError, OSError) as error:
            return f"not readable as a saved data set ({error})"
        return None
    if (folder / "dataset_dict.json").is_file():
        return f"is a folder of several splits; name each one: {_splits(folder)}"
    return "is a folder, and none that `save_to_disk` of a data set wrote; name the file in it"


def _splits(folder: Path) -> str:
    try:
        names = json.loads((folder / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
    except (OSError, ValueError, KeyError, TypeError):
        names = ["train", "test"]
    return ", ".join(f"{name}: {folder / str(name)}" for name in names)
