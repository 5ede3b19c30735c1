"""Resume a killed training: after the last finished phase, or at the last complete epoch of the phase that was running."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from edgemin.core.files import read_json, write_json
from edgemin.encoders.blocks import Classifier

DONE = "done"
"""Folder of a finished phase."""


def store(student: Classifier, record: dict[str, Any], state: Path) -> None:
    """Save the student and the record of a finished phase in the folder `state`. The phase's checkpoints are deleted."""
    from safetensors.torch import save_file

    partial = state / f"{DONE}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({key: value.contiguous() for key, value in student.state_dict().items()}, partial / "student.safetensors")
    write_json(partial / "record.json", record)
    for checkpoint in state.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)
    partial.rename(state / DONE)


def restore(student: Classifier, state: Path) -> dict[str, Any] | None:
    """Load the stored weights into `student` and return the stored record. None if the phase is not finished."""
    from safetensors.torch import load_file

    done = state / DONE
    if not done.is_dir():
        return None
    student.load_state_dict(load_file(done / "student.safetensors"), strict=True)
    return dict(read_json(done / "record.json"))


def whole_checkpoint(state: Path) -> str | None:
    """The newest complete checkpoint (Trainer writes its state file last)."""
    whole = [path for path in state.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return str(max(whole, key=lambda path: int(path.name.split("-")[1]))) if whole else None
