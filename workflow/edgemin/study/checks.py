"""What is wrong with a study whose keys are all right, each by itself: one line per problem. Needs nothing but the study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study import cascade, registry, static_checks
from edgemin.study.task import SPLITS, SignOf, Task
from edgemin.study.timed import Timed
from edgemin.study.transfer import Transfer

if TYPE_CHECKING:
    from edgemin.study.study import Study

DOWNLOADS = "downloads"
"""Beside the folders of studies, under results/."""
LINKS = 16
"""Of a chain: each is a folder inside the one before, and a path has an end."""


def problems(study: Study) -> list[str]:
    """All of them; those of tables and the like only if the chains are right."""
    first = [*_name(study), *_repeated(study), *(problem for cell in study.cells for problem in _chain(study, cell))]
    if first:
        return first
    parts = (
        _baselines,
        static_checks.problems,
        cascade.problems,
        _measured_cells,
        _random_cuts,
        _deployed,
        _page,
        _tables,
        _teacher,
        _timed,
        _transfer_names,
        _transfer_sets,
    )
    return [problem for part in parts for problem in part(study)]


def _name(study: Study) -> Iterator[str]:
    if study.study == DOWNLOADS:
        yield f"study: results/{DOWNLOADS} is the folder of what is fetched; give another name"


def _repeated(study: Study) -> Iterator[str]:
    for key in ("seeds", "runtimes", "page"):
        values = getattr(study, key)
        if twice := sorted({value for value in values if values.count(value) > 1}):
            yield f"{key}: {twice} stand twice"


def _chain(study: Study, cell: str) -> Iterator[str]:
    try:
        chain = study.chain(cell)
    except EdgeminError as error:
        yield f"cells.{cell}: {error}"
        return
    if len(chain.links) > LINKS:
        yield f"cells.{cell}: chain has {len(chain.links)} links; make it {LINKS} at most"
        return
    for link in chain.links:
        known = study.variants()[link.stage]
        if link.variant not in known:
            yield (
                f"cells.{cell}: chain '{chain}' names the unknown {link.stage} variant '{link.variant}'; "
                f"known: {', '.join(sorted(known)) or 'none, add it under ' + link.stage}"
            )


def _baselines(study: Study) -> Iterator[str]:
    for name, baseline in study.baselines.items():
        if name in study.cells:
            yield f"baselines.{name}: is the name of a cell too; rename one"
        for task, settings in study.tasks.items():
            if settings.asks.name not in baseline.kinds:
                kinds = ", ".join(baseline.kinds)
                yield f"baselines.{name}: answers tasks of kind {kinds}, and task {task} is of kind {settings.asks.name}; drop it"


def _random_cuts(study: Study) -> Iterator[str]:
    """Random numbers are drawn by the seed and the place of a unit: the second of two cuts that take units away would not be uniform."""
    for cell in study.cells:
        found = [study.variant(prefix) for prefix in study.chain(cell).prefixes if prefix.last and prefix.last.stage == "prune"]
        cuts = [one.structure for one in found if getattr(one, "criterion", "") == "random" and one.structure != "weights"]
        for structure in sorted({one for one in cuts if cuts.count(one) > 1}):
            yield f"cells.{cell}: cuts {structure} by the criterion random twice, by the same numbers; make it one cut"


def _measured_cells(study: Study) -> Iterator[str]:
    """The cells that are swept and scanned."""
    for key in ("sensitivity", "layer_sensitivity"):
        setting = getattr(study, key)
        if setting and setting.cell not in study.cells:
            yield study.no_cell(f"{key}.cell", setting.cell)
        elif setting and study.chain(setting.cell).quantized:
            yield f"{key}.cell: '{setting.cell}' is quantized; name a float one"


def _deployed(study: Study) -> Iterator[str]:
    bundled = [name for name, runtime in registry.RUNTIMES.all().items() if runtime.bundles]
    for cell in study.deploy:
        if cell in study.cascades:
            members = [one for one in study.cascades[cell].members if one in study.cells]
            alone = [one for one in members if not set(bundled) & set(study.runtimes_of(study.chain(one)))]
            for one in alone:
                yield f"deploy: member '{one}' of the cascade '{cell}' is not measured in {', '.join(bundled)}, which bundles run in"
        elif cell not in study.cells:
            yield study.no_cell("deploy", cell)
        elif not set(bundled) & set(study.runtimes_of(study.chain(cell))):
            yield f"deploy: cell '{cell}' is not measured in {', '.join(bundled)}, which bundles run in; name another"


def _page(study: Study) -> Iterator[str]:
    if not study.page and not study.default_tables():
        yield "page: empty, and `tables` lists none: nothing would be made; list a table, or leave `page` out"
    for name in study.page:
        if not registry.TABLES[name].on_page(study):
            yield f"page: the study has no table '{name}'; add it, or drop the name"


def _tables(study: Study) -> Iterator[str]:
    for table in registry.TABLES.all().values():
        yield from table.problems(study)


def _teacher(study: Study) -> Iterator[str]:
    if study.teacher.training == "none" and study.teacher.source.random:
        yield "teacher.training: none, but a random source is not fine-tuned; give phases"


def _timed(study: Study) -> Iterator[str]:
    for name, variant in study.prune.items():
        if isinstance(variant, Timed):
            yield from (f"prune.{name}{problem}" for problem in variant.problems(study))


def _transfer_names(study: Study) -> Iterator[str]:
    yield from (f"transfer.{name}: is the name of a split; choose another" for name in SPLITS if name in study.transfer)
    trained = {name: variant for name, variant in study.quantize.items() if variant.trains}
    stages: dict[str, Mapping[str, Any]] = {"distill": study.distill, "prune": study.prune, "quantize": trained}
    for stage, variants in stages.items():
        for name, variant in variants.items():
            if variant.transfer is not None and variant.transfer not in study.transfer:
                yield (
                    f"{stage}.{name}.transfer: '{variant.transfer}' is unknown; known: "
                    f"{', '.join(sorted(study.transfer)) or 'none, add it under transfer'}"
                )


def _transfer_sets(study: Study) -> Iterator[str]:
    for name, transfer in study.transfer.items():
        for task_name, task in study.tasks.items():
            if transfer.dead_zone and not isinstance(task.label, SignOf):
                yield f"transfer.{name}.dead_zone: task {task_name} has no rating with a dead zone; drop the key"
            yield from _unlabelled(name, transfer, task_name, task)


def _unlabelled(name: str, transfer: Transfer, task_name: str, task: Task) -> Iterator[str]:
    for number, unlabelled in enumerate(transfer.unlabelled):
        key = f"transfer.{name}.unlabelled.{number}"
        for test, spec in task.out_of_domain.items():
            if spec.source == unlabelled.source:
                yield (
                    f"{key}.source: is the test set out_of_domain.{test} of task {task_name}; "
                    "nothing may be trained on it: name another source"
                )
        if unlabelled.text is not None and len(unlabelled.columns) != len(task.text_columns):
            yield f"{key}.text: {len(unlabelled.columns)} text columns, but task {task_name} has {len(task.text_columns)}"
