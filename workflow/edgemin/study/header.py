"""Names and shapes of a model's weights, out of the headers of its safetensors files. Needs no torch."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError, first_line
from edgemin.core.files import read_json

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""Types of weights that are read, with their bytes."""
INTEGERS = {"I64": 8, "I32": 4}
"""Data types of buffers such as `position_ids`."""
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack", "model.ckpt.index")
"""Weights in forms that are not read."""
REMEDY = "copy it again, or save the model anew with save_pretrained"
CONVERT = "AutoModelForSequenceClassification.from_pretrained(...).save_pretrained(folder, safe_serialization=True)"
_LONGEST = 100_000_000  # bytes of a header, as safetensors itself allows


@dataclass(frozen=True)
class Tensor:
    """Shape and type of one tensor in a header."""

    shape: tuple[int, ...]
    dtype: str


def weight_files(folder: Path) -> list[Path]:
    """The file of a model's weights, or the shards that its index names.

    Raises EdgeminError for a folder without safetensors, with the remedy, or one that lacks shards.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted(set(_weight_map(folder).values()))
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise EdgeminError(f"{folder / INDEX}: names {len(names)} shards, {missing[0]} is not there; copy all of them")
        return [folder / name for name in names]
    if shards := sorted(path.name for path in folder.glob("model-*-of-*.safetensors")):
        raise EdgeminError(f"{folder}: has {shards[0]} and no {INDEX}, which says what is in the shards; copy it too")
    raise EdgeminError(f"{folder}: has no {WEIGHTS}{_remedy(folder)}")


def _remedy(folder: Path) -> str:
    other = [name for name in PICKLED if (folder / name).exists()]
    return f"; pickled weights are not read ({other[0]} is there): convert them with transformers, {CONVERT}" if other else ""


def _weight_map(folder: Path) -> dict[str, str]:
    index = read_json(folder / INDEX, REMEDY)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map or not all(_plain(name) for name in weight_map.values()):
        raise EdgeminError(
            f"{folder / INDEX}: no index of safetensors shards (weight_map); save the model anew with save_pretrained"
        )
    return weight_map


def _plain(name: Any) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name


def read_header(folder: Path) -> dict[str, Tensor]:
    """Name -> shape and type of every weight of a model's folder, shards joined.

    Raises EdgeminError for a file that is no whole safetensors file, for a weight in two shards, and for an index that says otherwise.
    """
    files = weight_files(folder)
    tensors: dict[str, Tensor] = {}
    where: dict[str, str] = {}
    for file in files:
        for name, tensor in _of_file(file).items():
            if name in tensors:
                raise EdgeminError(f"{file}: holds {name}, and so does {where[name]}; save the model anew with save_pretrained")
            tensors[name], where[name] = tensor, file.name
    if files[0].name != WEIGHTS and where != (indexed := _weight_map(folder)):
        name = sorted(name for name in {*where, *indexed} if where.get(name) != indexed.get(name))[0]
        raise EdgeminError(
            f"{folder / INDEX}: says that {name} is in {indexed.get(name, 'no file')}, it is in {where.get(name, 'no file')}; "
            "save the model anew with save_pretrained"
        )
    return tensors


def _of_file(file: Path) -> dict[str, Tensor]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= _LONGEST:
                raise ValueError(f"a header of {length} bytes")
            entries = json.loads(stream.read(length).decode("utf-8"))
        entries.pop("__metadata__", None)
        tensors = {name: _tensor(name, one) for name, one in entries.items()}
        end = max((int(one["data_offsets"][1]) for one in entries.values()), default=0)
        if file.stat().st_size != 8 + length + end:
            raise ValueError(f"{file.stat().st_size} bytes, its header says {8 + length + end}")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        raise EdgeminError(
            f"{file}: not a readable safetensors file ({first_line(error)}); copy it again, or save the model anew"
        ) from None
    return tensors


def _tensor(name: str, entry: dict[str, Any]) -> Tensor:
    shape, dtype = tuple(map(int, entry["shape"])), str(entry["dtype"])
    begin, end = entry["data_offsets"]
    size = {**FLOATS, **INTEGERS}.get(dtype)
    if size and end - begin != size * math.prod(shape):
        raise ValueError(f"{name}: {end - begin} bytes for {dtype} of {shape}")
    return Tensor(shape, dtype)
