"""The inputs and the output folder of a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgemin.methods.distill.teachers import TeacherFiles
    from edgemin.training.run import Files


@dataclass(frozen=True)
class QuantizeInputs:
    """The float parent, and its surroundings."""

    parent: Path
    """Folder of the float checkpoint, and of its model.onnx where the runtime runs graphs."""
    out: Path
    spec: Mapping[str, Any]
    """`variant`; `seed` for schemes that look at sentences; for those that train, what `training.run.train` needs."""
    tokens: Path | None = None
    """Tokens of the training split by the parent's tokenizer, for schemes that read sentences."""
    training: tuple[Files, TeacherFiles] | None = None
    """For schemes that train: their texts, and their teacher."""
