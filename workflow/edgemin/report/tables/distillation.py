"""Objectives: every student against the control that was trained as long on labels alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study.base import refuses
from edgemin.study.chains import Chain
from edgemin.study.rows import judged as judged_by
from edgemin.study.table import BlockTable

if TYPE_CHECKING:
    import pandas as pd

    from edgemin.plan.plan import Plan
    from edgemin.report.number import Scale
    from edgemin.report.sheet import Column
    from edgemin.study.study import Study

NOTE = (
    "Test split, 95 % intervals. A change is paired with the control, the first row "
    "of each block, which saw as many updates of the same batch size with labels alone. Agreement: share of the test examples on "
    "which student and teacher decide alike; KL(teacher || student) of their predictions in nats. Training seconds and examples/s are the "
    "student's, on as many threads as the study says and beside whatever else the machine did. Teacher texts: how many texts "
    "it answered for this student's signals, once for each signal that is kept, at every step for one that is not; its seconds are for the kept ones. Students "
    "share them. Projection: the objective compares hidden states through a learned matrix, "
    "which is thrown away."
)


class Distillation(BlockTable):
    name = "distillation"
    title = "Distillation"
    caption = (
        "Which supervision: the same student and, within a block, as many updates; only the objective (and the text it sees) "
        "differs. A change is paired with the control of its block. Teacher seconds are for one pass that all students share. "
        "Training seconds are of the last process: of a training that was stopped and went on they are too few."
    )
    meaning = (
        "blocks of a table of objectives: the control cell, then cells that are compared with it, at equal compute. Each chain ends in a "
        "distill link. Made by the target `table_distillation`, its plot by `plot_distillation`"
    )

    def runtime(self, study: Study) -> str | None:
        """Where checkpoints are compared whose speed does not matter: PyTorch needs no export."""
        return "torch" if "torch" in study.runtimes else study.runtimes[0]

    @refuses
    def problem(self, study: Study, first: str, cell: str) -> str | None:
        last = study.chain(cell).last
        return None if last and last.stage == "distill" else f"the chain of cell '{cell}' does not end in a distill stage"

    def spec(self, plan: Plan) -> dict[str, Any]:
        study, runtime = plan.study, self.runtime(plan.study)
        blocks = [
            {**judged_by(plan, task), "rows": [self._row(plan, task, cell) for cell in (control, *cells)]}
            for task in study.tasks
            for control, cells in self.settings(study).items()
        ]
        tests = {task: list(settings.out_of_domain) for task, settings in study.tasks.items()}
        return {"study": study.study, "runtime": runtime, "out_of_domain": tests, "blocks": blocks}

    def _row(self, plan: Plan, task: str, cell: str) -> dict[str, Any]:
        chain = plan.study.chain(cell)
        seeds = [self._seed(plan, task, seed, chain) for seed in plan.study.seeds]
        return {"cell": cell, "chain": str(chain), "seeds": seeds}

    def _seed(self, plan: Plan, task: str, seed: int, chain: Chain) -> dict[str, Any]:
        """Folders and files of one trained student and of the teacher that the whole study has."""
        teacher, texts, runtime = plan.teacher_of(chain), plan.trained_on(chain), self.runtime(plan.study)
        assert runtime is not None
        return {
            "measured": plan.paths.measured(task, seed, chain, runtime),
            "teacher": plan.paths.measured(task, seed, Chain(), runtime),
            "elsewhere": bool(plan.study.tasks[task].out_of_domain),
            "history": plan.paths.history(task, seed, chain),
            "caches": [plan.paths.cache(task, seed, teacher, texts, need) for need in plan.needs(chain)],
        }

    def needs(self, row: Mapping[str, Any]) -> list[str]:
        names = ("quality.json", "predictions.parquet", *(["out_of_domain.json"] if row["elsewhere"] else []))
        measured = [f"{row['measured']}/{name}" for name in names]
        return [*measured, f"{row['teacher']}/predictions.parquet", row["history"], *row["caches"]]

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        from edgemin.report.forms import write_table
        from edgemin.report.statistics.adjust import correction_note

        table = frame(spec)
        note = f"{NOTE} Runtime of the predictions: {spec['runtime']}. {correction_note(table)}"
        if uneven := [control for control, rows in table.groupby("control", sort=False) if _uneven(rows)]:
            note += f" Not at equal compute: the numbers of updates differ in the block of {', '.join(uneven)}."
        write_table(self, spec, folder, table, columns_of(table), note)


def frame(spec: Mapping[str, Any]) -> pd.DataFrame:
    """One row per task and cell, numbers unrounded."""
    import pandas as pd

    from edgemin.report.statistics.adjust import adjusted

    if not spec["blocks"]:
        raise EdgeminError("tables.distillation: the study has none; add control and cells (config/README.md)")
    return adjusted(pd.DataFrame([row for block in spec["blocks"] for row in _rows(block, spec["out_of_domain"][block["task"]])]))


def _rows(block: Mapping[str, Any], tests: list[str]) -> list[dict[str, Any]]:
    from edgemin.report.blocks import judged
    from edgemin.report.measured import logits_of
    from edgemin.report.statistics.judge import Judge

    judge, control = Judge.of(block), block["rows"][0]["cell"]
    cells = [
        (
            {"task": block["task"], "control": control, "cell": cell["cell"], "chain": cell["chain"]},
            [seed["measured"] for seed in cell["seeds"]],
        )
        for cell in block["rows"]
    ]
    rows = []
    for cell, one in zip(block["rows"], judged(judge, cells), strict=True):
        _, teacher = logits_of([seed["teacher"] for seed in cell["seeds"]])
        agreement = judge.scores.agreement(one.logits, teacher)
        distance = {
            "agreement": agreement,
            "kl_to_teacher": None if agreement is None else judge.scores.divergence(teacher, one.logits),
        }
        rows.append({**one.row, **distance, **_elsewhere(cell["seeds"], tests, judge.metric), **_training(cell["seeds"])})
    return rows


def _elsewhere(seeds: list[dict[str, Any]], tests: list[str], metric: str) -> dict[str, float]:
    """Mean over seeds of the metric on each test set of another kind of text."""
    import numpy as np

    from edgemin.core.files import read_json

    splits = [read_json(Path(seed["measured"]) / "out_of_domain.json")["splits"] for seed in seeds if tests]
    return {f"out_of_domain_{name}": float(np.mean([one[name][metric] for one in splits])) for name in tests}


def _training(seeds: list[dict[str, Any]]) -> dict[str, float]:
    """Means over seeds of what the training took."""
    import pandas as pd

    from edgemin.core.files import read_json

    by_seed = []
    for seed in seeds:
        phases = read_json(Path(seed["history"]))["phases"]
        caches = [read_json(Path(cache)) for cache in seed["caches"]]
        seconds, seen = sum(phase["seconds"] for phase in phases), sum(phase["examples_seen"] for phase in phases)
        by_seed.append(
            {
                "updates": sum(phase["updates"] for phase in phases),
                "training_seconds": seconds,
                "examples_per_second": seen / seconds,
                "projection_parameters": max(phase["projection_parameters"] for phase in phases),
                "teacher_seconds": sum(cache["seconds"] for cache in caches),
                "teacher_texts": sum(seen if cache["live"] else phases[0]["examples"] for cache in caches),
            }
        )
    return {name: float(value) for name, value in pd.DataFrame(by_seed).mean().items()}


def columns_of(table: pd.DataFrame) -> list[Column]:
    """The columns that a person reads."""
    from edgemin.report import columns
    from edgemin.report.number import Format, common_scale

    elsewhere = [name for name in table if name.startswith("out_of_domain_")]
    return [
        *columns.task(table),
        columns.text("control", table["control"], columns.repeats(table, "task", "control")),
        columns.text("cell", table["cell"]),
        *columns.judged(table),
        columns.numbers("agreement %", table["agreement"], Format(1, 100)),
        columns.numbers("KL", table["kl_to_teacher"], Format(3)),
        *(_elsewhere_column(name, table[name], common_scale(table["metric"])) for name in elsewhere),
        columns.numbers("updates", table["updates"], columns.WHOLE),
        columns.numbers("training s", table["training_seconds"], columns.WHOLE),
        columns.numbers("examples/s", table["examples_per_second"], columns.WHOLE),
        columns.numbers("teacher texts", table["teacher_texts"], columns.WHOLE),
        columns.numbers("teacher s", table["teacher_seconds"], columns.WHOLE),
        columns.text("projection", table["projection_parameters"].map(lambda count: "yes" if count else "")),
    ]


def _elsewhere_column(name: str, values: pd.Series, scale: Scale) -> Column:
    """Quality on a test set of another kind of text."""
    from edgemin.report import columns

    unit = " %" if scale.value.factor == 100 else ""
    return columns.numbers(f"{name.removeprefix('out_of_domain_')}{unit}", values, scale.value)


def _uneven(rows: pd.DataFrame) -> bool:
    """Whether some cell of a block saw more updates than another of the same task."""
    return bool((rows.groupby("task")["updates"].nunique() > 1).any())
