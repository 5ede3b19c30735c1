"""The quantize stage: one module per scheme and backend, each with quantize_folder(parent, out, spec)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from edgemin.config.variants import AnyQuantize, Quantizing


def quantize(parent: Path, out: Path, data: Path | None, spec: Mapping[str, Any]) -> None:
    """spec["variant"]: dump of a quantize variant. data: folder of the task's data, for a scheme that reads some."""
    variant: Quantizing = TypeAdapter(AnyQuantize).validate_python(spec["variant"])
    module = import_module(f"edgemin.quantize.{variant.module}")
    if variant.reads_data:
        module.quantize_folder(parent, out, spec, data)
    else:
        module.quantize_folder(parent, out, spec)
