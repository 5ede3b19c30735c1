"""The sha256 of every file that a job has made, one small file each, as `sha256sum` writes them: `sha256sum -c` reads them too.

They stand in `results/{study}/digests/`, under the path of what they are of. Model folders have the same in their provenance; data, caches,
measurements, tables and plots have it here alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from edgemin.core.files import sha256, whole_file

FOLDER = "digests"
RESULTS = "results"


def digest_file(file: Path | str) -> Path | None:
    """Where the digest of a file of a study stands; None for files of no study (downloads, which are pinned)."""
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
    """(file, sha256) of a digest file; None if it is none, or stands in another file's place."""
    try:
        found = re.fullmatch(r"([0-9a-f]{64})  (.+)\n", file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return (Path(found[2]), found[1]) if found and digest_file(found[2]) == file else None
