"""The small study as a file that people can read and run, with its rows and models beside it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from edgemin.cli.smaller import cells, numbers
from edgemin.cli.smaller.models import Encoders
from edgemin.cli.smaller.texts import Rows, sizes, write
from edgemin.core.errors import EdgeminError
from edgemin.plan import checks
from edgemin.plan.paths import Paths
from edgemin.plan.plan import Plan
from edgemin.study.chains import Link
from edgemin.study.read import parse_study
from edgemin.study.sources import ModelSource
from edgemin.study.study import Study
from edgemin.study.task import Task

LENGTH = 32
"""Tokens of a text at most."""
LATENCY = {"rounds": 1, "warmup": 2, "calls": 30, "seconds": 1, "minimum_calls": 10, "blocks": 4, "batch_size": 4, "batches": 2}
LAYERS = (4, 6, 8, 12, 2, 3, 5, 9, 10, 16, 24)
"""Numbers of layers that are tried, in this order, until every chain fits."""
SIZED = {
    "study",
    "tasks",
    "transfer",
    "teacher",
    "distill",
    "prune",
    "quantize",
    "cells",
    "cross",
    "tables",
    "page",
    "recommend",
    "deploy",
}
SIZED |= {"sensitivity", "layer_sensitivity", "seeds", "runtimes", "threads", "precision", "latency", "record"}
"""Keys of a study that are made small, one way or another, or left out: grids are cells by now, and a record is of the real study."""
SHORT_LINE = 130
"""Characters of a value that is written on one line."""
MOST = 4
"""Reasons that a message gives, of different numbers of layers."""


@dataclass(frozen=True)
class Small:
    """A small study that was written."""

    file: Path
    study: Study
    left_out: tuple[str, ...]
    """Cells of the study that it has not."""
    unnamed: tuple[str, ...]
    """Models of which the study names no family: BERT was taken."""


def name_of(study: str) -> str:
    return f"smoke_of_{study}"[:100]


def write_small(study: Study, source: str, out: Path | None = None) -> Small:
    """Write the small study of `study`, its rows and models, to results/smoke_of_{name}/. source: the study's file. out: the small one's.

    Raises EdgeminError where rows cannot be made up, or no number of layers fits all chains.
    """
    name = name_of(study.study)
    folder = Path(Paths(name).root)
    rows = Rows(folder / "inputs" / "rows")
    tasks = {key: _task(key, task, rows) for key, task in study.tasks.items()}
    listed, kept = cells.tables(study, cells.covering(study, cells.needed(study), numbers.alike(study)))
    chosen = [cell for cell in study.cells if cell in kept]
    used = {link for cell in chosen for link in study.chain(cell).links}
    transfer = _transfer(study, rows, {getattr(study.variants()[link.stage][link.variant], "transfer", None) for link in used})
    encoders = Encoders(folder / "inputs" / "models", rows.texts, _outputs(study))
    content: dict[str, Any] = {"study": name, "tasks": tasks, **({"transfer": transfer} if transfer else {})}
    content["teacher"] = _teacher(study, encoders)
    for stage, variants in study.variants().items():
        if short := {
            one: numbers.plain(variant, _student(encoders)) for one, variant in variants.items() if Link(stage, one) in used
        }:
            content[stage] = short
    content["cells"] = {cell: study.cells[cell].chain for cell in chosen}
    content |= {key: numbers.plain(getattr(study, key), _student(encoders)) for key in _others(study)}
    content |= _reports(study, listed, chosen) | _measuring(study)
    file = out or folder / "smoke.yaml"
    small = _fitted(content, encoders, str(file))
    write(file, _text(content, source))
    encoders.write_weights()
    return Small(file, small, tuple(cell for cell in study.cells if cell not in chosen), tuple(encoders.unnamed))


def _others(study: Study) -> list[str]:
    """Keys that the study sets and that are no matter of size: they are taken as they are, so keys that come later are too."""
    return [key for key in type(study).model_fields if key in study.model_fields_set - SIZED]


def _task(name: str, task: Task, rows: Rows) -> dict[str, Any]:
    settings = {key: value for key, value in task.model_dump(mode="json", exclude_unset=True).items() if key != "out_of_domain"}
    settings["source"] = rows.of_task(name, task)
    count = sizes(len(task.label_names or ()))
    settings["splits"] = {"validation": count["validation"], "test": count["test"], "seed": task.splits.seed}
    settings["max_length"] = min(task.max_length, LENGTH)
    if task.out_of_domain:
        settings["out_of_domain"] = {
            test: {
                **test_set.model_dump(mode="json", exclude_unset=True),
                "source": rows.of_test(f"{name}-elsewhere-{test}", test_set, task),
            }
            for test, test_set in task.out_of_domain.items()
        }
    return settings


def _transfer(study: Study, rows: Rows, used: Container[str | None]) -> dict[str, Any]:
    """Sets of texts that variants train on: twice the training rows."""
    task = next(iter(study.tasks.values()))
    sets = {}
    for name, transfer in study.transfer.items():
        if name not in used:
            continue
        settings = transfer.model_dump(mode="json", exclude_unset=True)
        if transfer.rows is not None:
            settings["rows"] = 2 * sizes(len(task.label_names or ()))["train"]
        if transfer.unlabelled:
            settings["unlabelled"] = [
                {
                    **one.model_dump(mode="json", exclude_unset=True),
                    "source": rows.of_unlabelled(f"transfer-{name}-{number}", one, task),
                }
                for number, one in enumerate(transfer.unlabelled)
            ]
        sets[name] = settings
    return sets


def _outputs(study: Study) -> dict[str, Any] | None:
    """Keys of the config of a teacher that is fine-tuned already: the outputs that the first task asks for."""
    if study.teacher.training != "none":
        return None
    task = next(iter(study.tasks.values()))
    if not task.asks.classes:
        return {"num_labels": 1, "problem_type": task.asks.problem_type}
    names = dict(enumerate(task.label_names or ("no", "yes")))
    return {"id2label": names, "label2id": {name: number for number, name in names.items()}}


def _teacher(study: Study, encoders: Encoders) -> dict[str, Any]:
    settings: dict[str, Any] = numbers.plain(study.teacher, lambda source: encoders.place(source, "teacher"))
    return settings


def _student(encoders: Encoders) -> Any:
    def place(source: ModelSource) -> dict[str, Any]:
        return encoders.place(source, "student")

    return place


def _reports(study: Study, listed: Mapping[str, Any], chosen: list[str]) -> dict[str, Any]:
    """Tables, page, recommendation and bundles."""
    content: dict[str, Any] = {"tables": dict(listed)} if listed else {}
    if "page" in study.model_fields_set:
        content["page"] = list(study.page)
    if study.recommend:
        content["recommend"] = study.recommend.model_dump(mode="json", exclude_unset=True)
    if deploy := [cell for cell in study.deploy if cell in chosen]:
        content["deploy"] = deploy[:1]
    return content


def _measuring(study: Study) -> dict[str, Any]:
    sweeps: dict[str, Any] = {}
    for key in ("sensitivity", "layer_sensitivity"):
        if (setting := getattr(study, key)) is None:
            continue
        sweeps[key] = numbers.plain(setting, lambda _: None)
        if key == "sensitivity":
            sweeps[key]["ratios"] = [setting.ratios[0], setting.ratios[len(setting.ratios) // 2]]
    lengths = [8, 16] if study.latency.lengths else []
    batches = 0 if study.latency.batches == 0 else LATENCY["batches"]
    return {
        **sweeps,
        "seeds": study.seeds[:1],
        "runtimes": list(study.runtimes),
        "threads": {"training": 1, "inference": 1},
        "precision": study.precision,
        "latency": {**LATENCY, "batches": batches, "lengths": lengths},
    }


def _fitted(content: Mapping[str, Any], encoders: Encoders, file: str) -> Study:
    """The small study, with configs of as many layers as all of its chains take."""
    study, problems = parse_study(content, file=file), dict[str, int]()
    roles = {role for _, role in encoders.made.values()}
    candidates = sorted(
        product(LAYERS, LAYERS if "student" in roles else LAYERS[:1]), key=lambda pair: sum(map(LAYERS.index, pair))
    )
    for teacher, student in candidates:
        encoders.write_configs({"teacher": teacher, "student": student})
        try:
            for task in study.tasks:
                checks.check_chains(Plan(study), task)
        except EdgeminError as error:
            problems[str(error)] = teacher
            continue
        return study
    lines = [f"{file}: with {layers} layers: {line}" for problem, layers in problems.items() for line in problem.splitlines()]
    raise EdgeminError("\n".join(lines[:MOST]))


def _text(content: Mapping[str, Any], source: str) -> str:
    head = f"# {source}, made small by `edgemin smoke`: every kind of thing in it runs, in minutes and offline. Its numbers mean nothing.\n"
    return head + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=150, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """What is short is on one line. No anchors: values that are the same object are written out."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> Any:
        return super().represent_mapping(tag, mapping, flow_style=len(repr(mapping)) <= SHORT_LINE)

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> Any:
        return super().represent_sequence(tag, sequence, flow_style=len(repr(sequence)) <= SHORT_LINE)
