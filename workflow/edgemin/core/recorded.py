"""The sha256 of every file that a job has made, one small file each, as `sha256sum` writes them: `sha256sum -c` reads them too.

They are in `results/{study}/digests/`, under the path of their file. Model folders have the same digests in their provenance. Data, caches,
measurements, tables and plots have them only here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from edgemin.core.files import sha256, whole_file

FOLDER = "digests"
RESULTS = "results"


def digest_file(file: Path | str) -> Path | None:
    """The path of the digest of a study's file. None for files of no study (downloads, which are pinned)."""
    parts = Path(file).parts
    if len(parts) < 3 or parts[0] != RESULTS or parts[1] == "downloads":
        return None
    return Path(RESULTS, parts[1], FOLDER, *parts[2:-1], f"{parts[-1]}.sha256")


def record(outputs: Iterable[Path | str]) -> None:
    """Write the digests of a job's files; of a teacher's cache also that of the signal beside its manifest."""
    for output in map(Path, outputs):
        signal = output.with_suffix(".safetensors")
        for file in (output, *([signal] if "caches" in output.parts and signal.is_file() else [])):
            target = digest_file(file)
            if target and file.is_file():
                with whole_file(target) as partial:
                    partial.write_text(f"{sha256(file)}  {file.as_posix()}\n", encoding="utf-8")


def recorded(file: Path) -> tuple[Path, str] | None:
    """(file, sha256) of a digest file. None if it is not a digest file, or lies at another file's path."""
    try:
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)\n", file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return (Path(match[2]), match[1]) if match and digest_file(match[2]) == file else None
