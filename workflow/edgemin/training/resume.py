"""A killed training goes on: after the last phase that is done, or at the last epoch of the one that was running."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from edgemin.core.files import read_json, write_json
from edgemin.encoders.blocks import Classifier

DONE = "done"
"""Folder of a phase that has come to its end."""


def store(student: Classifier, record: dict[str, Any], state: Path) -> None:
    """Note in the folder `state` that a phase is done, with what came of it; its checkpoints go."""
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
    """What `store` noted, after filling `student` with it; None if the phase is not done."""
    from safetensors.torch import load_file

    done = state / DONE
    if not done.is_dir():
        return None
    student.load_state_dict(load_file(done / "student.safetensors"), strict=True)
    return dict(read_json(done / "record.json"))


def whole_checkpoint(state: Path) -> str | None:
    """The newest checkpoint that was written to its end (Trainer writes its state file last)."""
    found = [path for path in state.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return str(max(found, key=lambda path: int(path.name.split("-")[1]))) if found else None
