"""The spec of a study's page, and the files that it reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgemin.core.code_digest import PACKAGE
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.chains import Chain
from edgemin.study.floor import is_baseline
from edgemin.study.rows import result_rows
from edgemin.study.table import LATENCY, measured_of

TEMPLATES = PACKAGE / "report/page/templates"
PLOTS = ("stagewise", "pareto_latency", "pareto_size")
CELLS = "cells"
"""The table that every page has, below its plot."""
MARKED_AS = "pareto_latency"
"""The plot whose marks the page's plot has, too."""


def spec(plan: Plan) -> dict[str, Any]:
    """Its tables and the runtime of those that have only one, every measured cell, every link of its chain."""
    study = plan.study
    cells = study.default_cells()
    chains = dict.fromkeys(link for cell in cells for link in study.chain(cell).prefixes)
    return {
        "study": study.study,
        "root": plan.root,
        "tables": {name: registry.TABLES[name].runtime(study) for name in study.page_tables() if name != CELLS},
        "metrics": {task: settings.metric for task, settings in study.tasks.items()},
        "kinds": {task: settings.asks.name for task, settings in study.tasks.items()},
        "threads": spec_of(study.threads),
        "latency": spec_of(study.latency),
        "rows": result_rows(plan),
        "pareto": registry.PLOTS[MARKED_AS].spec(plan),
        "cells": {cell: {"chain": study.cells[cell].chain, "question": study.cells[cell].question} for cell in cells},
        "timed_with": timed_with(plan, cells),
        "links": {str(chain): _link(plan, chain) for chain in chains},
        **({"elsewhere": added} if (added := elsewhere(plan)) else {}),
    }


def timed_with(plan: Plan, cells: Iterable[str]) -> dict[str, str]:
    """Chain of a cell -> of the model, but the teacher, whose times its `speedup_over_parent` is the ratio of."""
    pairs = {chain: plan.compared(chain).get("parent") for chain in map(plan.study.chain, cells)}
    return {str(chain): str(parent) for chain, parent in pairs.items() if parent}


def elsewhere_of(plan: Plan) -> str:
    """The folder of what bundles measured on other machines."""
    return f"{plan.root}/elsewhere"


def elsewhere(plan: Plan) -> list[str]:
    """Its files: `edgemin measured add` puts them there."""
    return sorted(file.as_posix() for file in Path(elsewhere_of(plan)).glob("*.json"))


def templates() -> str:
    """Digest of what its markup, style and script are made of: they are code, in languages that `core.code_digest` does not read."""
    digests = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in sorted(TEMPLATES.iterdir()))
    return hashlib.sha256(digests).hexdigest()[:16]


def _link(plan: Plan, chain: Chain) -> dict[str, Any]:
    """What the study says of the chain's last link, and the folders of the models that came of it."""
    variant = plan.study.variant(chain) if chain.links else plan.study.teacher
    models = [
        {"task": task, "seed": seed, "folder": plan.paths.model(task, seed, chain)}
        for task in plan.study.tasks
        for seed in plan.study.seeds
    ]
    return {"settings": variant.model_dump(mode="json", exclude_unset=True), "models": models}


def files(plan: Plan) -> dict[str, Any]:
    """The files that the page reads, by kind."""
    contents = spec(plan)
    models = []
    for text, link in contents["links"].items():
        names = ("provenance.json", "history.json") if plan.has_history(Chain.parse(text)) else ("provenance.json",)
        models += [f"{model['folder']}/{name}" for model in link["models"] for name in names]
    graphs = [
        f"{plan.paths.model(row['task'], row['seed'], row['chain'])}/onnx_provenance.json"
        for row in contents["rows"]
        if not is_baseline(row["chain"]) and registry.RUNTIMES[row["runtime"]].graph and not Chain.parse(row["chain"]).quantized
    ]
    tables = [plan.paths.table(name, form) for name in contents["tables"] for form in ("csv", registry.TABLES[name].page_form)]
    marked = registry.PLOTS[MARKED_AS].files(plan)
    return {
        "tables": list(dict.fromkeys([*(plan.paths.table(CELLS, form) for form in ("csv", "json")), *tables, *marked])),
        "plots": [plan.paths.plot(name, "svg") for name in PLOTS],
        "measurements": [
            f"{row['folder']}/{name}"
            for row in contents["rows"]
            for name in measured_of(row.get("timed", True))
            if name in ("predictions.parquet", LATENCY)
        ],
        "models": list(dict.fromkeys([*models, *graphs])),
        "elsewhere": elsewhere(plan),
    }
