"""The members of a cascade in one folder, as its program reads them: their files, and their entries in bundle.json."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import sha256
from edgemin.core.provenance import EXPORT_PROVENANCE, NAME, check_provenance
from edgemin.data.tokenizer import load_tokenizer
from edgemin.methods.floor import CONFIG, WEIGHTS
from edgemin.report.cascades.thresholds import Chosen
from edgemin.study import registry

_OF_PROJECT = re.compile(r"^from edgemin\..*\n", re.MULTILINE)
"""Of a baseline's program such imports have names of types alone."""
Put = Callable[[Path, Path], Any]
"""From a file to a file."""


def entries(members: Sequence[Mapping[str, Any]], chosen: Chosen, temperatures: Sequence[float]) -> list[dict[str, Any]]:
    """Of bundle.json. members: name, folder, files. A member without a threshold is not asked, unless it is the last, which needs none."""
    thresholds = [*chosen.thresholds, None]
    found = []
    for number, (member, threshold, scale) in enumerate(zip(members, thresholds, temperatures, strict=True), 1):
        asked = threshold is not None or number == len(members)
        told = {"name": member["name"], **member["files"], "temperature": scale, "threshold": threshold, "asked": asked}
        padded = {"pad_id": load_tokenizer(Path(member["folder"])).pad_token_id} if "graph" in member["files"] else {}
        found.append({**told, **padded})
    return found


def put_members(members: Sequence[Mapping[str, Any]], out: Path, put: Put = shutil.copyfile) -> None:
    """members: name, folder, files, and baseline of one without a graph. put: copies a file; or links it.

    Raises EdgeminError for a corrupt model, and for a tokenizer that is not that of the members it is shared with.
    """
    for member in members:
        folder, files = Path(member["folder"]), member["files"]
        if "program" in files:
            check_provenance(folder, CONFIG, WEIGHTS)
            source = registry.BASELINES.file(member["baseline"], "answer").read_text(encoding="utf-8")
            (out / files["program"]).write_text(_OF_PROJECT.sub("", source), encoding="utf-8")
            put(folder / CONFIG, out / files["terms"])
            put(folder / WEIGHTS, out / files["numbers"])
        else:
            _put_graph(folder, files, out, put)


def _put_graph(folder: Path, files: Mapping[str, str], out: Path, put: Put) -> None:
    check_graph(folder)
    put(folder / "model.onnx", out / files["graph"])
    tokenizer = out / files["tokenizer"]
    if not tokenizer.exists():
        put(folder / "tokenizer.json", tokenizer)
    elif sha256(tokenizer) != sha256(folder / "tokenizer.json"):
        raise EdgeminError(
            f"{folder}/tokenizer.json: is not that of the other members; delete its folder and run snakemake again"
        )


def check_graph(folder: Path) -> None:
    """Raises EdgeminError for a folder whose graph or tokenizer is not as it was made."""
    exported = (folder / EXPORT_PROVENANCE).exists()
    check_provenance(folder, "model.onnx", name=EXPORT_PROVENANCE if exported else NAME)
    check_provenance(folder, "tokenizer.json")
