"""A float model of a finished study, and the files that it is compared by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgemin.core.errors import EdgeminError
from edgemin.report.statistics.judge import Judge
from edgemin.study.kind import Kind
from script import plan_with


@dataclass(frozen=True)
class Case:
    """A float cell, and another that its answers are compared with, at the first task and seed of a study."""

    folder: Path
    other: Path
    train: Path
    validation: tuple[Path, Path]
    """As each of the two reads it."""
    kind: Kind
    metric: str

    @classmethod
    def of(cls, file: str, cell: str, other: str) -> Case:
        """Raises EdgeminError for what the study does not have, for a quantized cell, or for files that are not there."""
        plan = plan_with(file, (cell, other))
        study = plan.study
        for name in (cell, other):
            if study.chain(name).quantized:
                raise EdgeminError(f"{file}: '{name}' is quantized; name a float cell")
        task, seed = next(iter(study.tasks)), study.seeds[0]
        chains = [study.chain(name) for name in (cell, other)]
        found = cls(
            *(Path(plan.paths.model(task, seed, chain)) for chain in chains),
            train=Path(plan.tokens(task, chains[0], "train")),
            validation=(Path(plan.tokens(task, chains[0], "validation")), Path(plan.tokens(task, chains[1], "validation"))),
            kind=study.tasks[task].asks,
            metric=study.tasks[task].metric,
        )
        read = [*(folder / "model.onnx" for folder in (found.folder, found.other)), found.train, *found.validation]
        if missing := [path for path in read if not path.exists()]:
            raise EdgeminError(f"missing: {missing[0]}; run the study first: make tables STUDY={file}")
        return found

    @property
    def graph(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def judge(self) -> Judge:
        return Judge(self.metric, self.kind)
