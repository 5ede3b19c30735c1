"""The early check of the smoke study's ladder, with encoders that are configs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edgemin.core.files import write_json
from edgemin.study.fits import check_study
from edgemin.study.pins import encoders_of
from edgemin.study.read import parse_study
from edgemin.study.structure import Shape

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
KD, PRUNED = "teacher/distill-minilmv2", "teacher/distill-minilmv2/prune-heads25"
TERMS = "distill.minilmv2.phases.0.terms"
STUDENT = {"source": {"path": "student"}}


class Fitting:
    """fitting(changes, teacher={...}, student={...}): numbers of layers and heads of every chain; the dicts change the configs."""

    def __init__(self, changed: Callable[[Any], dict], folder: Path) -> None:
        self.changed, self.folder = changed, folder

    def __call__(self, changes: Any = None, teacher: Any = None, student: Any = None, **more: Any) -> dict[str, dict[str, int]]:
        found = self.shapes(changes, teacher, student, **more)
        return {chain: {"layers": len(shape.heads), "heads": sum(shape.heads)} for chain, shape in found.items()}

    def shapes(
        self,
        changes: Any = None,
        teacher: Any = None,
        student: Any = None,
        names: list[str] | None = None,
        tokenizer: str = "WordPiece",
        task: str = "snippets",
    ) -> Mapping[str, Shape]:
        study = parse_study(self.changed(changes))
        folders = {name: self.folder / name for name in encoders_of(study)}  # the teacher's first
        for folder, config in zip(folders.values(), (teacher, student), strict=False):
            if config != "missing":
                write_json(folder / "config.json", {**CONFIG, **(config or {})})
                write_json(folder / "tokenizer.json", {"model": {"type": tokenizer}})
        return check_study(study, task, folders, names)
