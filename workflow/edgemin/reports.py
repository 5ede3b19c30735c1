"""What each table and page of a study reads, in words and files. Like `Plan`, pure functions of the study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgemin.chains import Chain
from edgemin.config.study import Recommend
from edgemin.config.variants import Cofi, Layers, Vocabulary
from edgemin.plan import MEASUREMENTS, Plan
from edgemin.provenance import code_digest

TABLES = {
    "stagewise": "edgemin.report.stagewise",
    "subsets": "edgemin.report.stagewise",
    "distillation": "edgemin.report.distillation",
    "pruning": "edgemin.report.pruning",
    "quantization": "edgemin.report.quantization",
    "parameters": "edgemin.report.parameters",
    "orders": "edgemin.report.combinations",
    "combinations": "edgemin.report.combinations",
    "literature": "edgemin.report.literature",
    "recommendation": "edgemin.report.recommendation",
}
"""Table -> the module that writes it."""


def rows_of(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cells of a table, whether it has blocks or not."""
    return [row for block in spec.get("blocks", [spec]) for row in block["rows"]]


class Reports:
    """A spec is what the job of a table needs to know; its `files` are what it reads."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.study = plan.study

    def declared(self) -> list[str]:
        """Tables for which the study declares anything."""
        study = self.study
        asked: dict[str, Any] = {
            "stagewise": True,
            "subsets": study.tables.subsets,
            "recommendation": study.recommend,
            "literature": True,
        }
        asked |= {**study.tables.compared(), "parameters": study.tables.quantization or study.tables.parameters}
        return [name for name in TABLES if asked[name]]

    def everything(self) -> list[str]:
        """Files of every table and plot that the study declares anything for."""
        study, root = self.study, self.plan.root
        plots: dict[str, Any] = {"stagewise": True, "pareto_latency": True, "pareto_size": True}
        plots |= {name: study.tables.compared()[name] for name in ("distillation", "quantization")}
        heads = study.sensitivity and study.sensitivity.heads
        plots |= {"sensitivity": study.sensitivity, "head_importance": heads, "layer_sensitivity": study.layer_sensitivity}
        tables = [f"{root}/tables/{name}.{form}" for name in self.declared() for form in ("csv", "md", "tex")]
        return tables + [f"{root}/plots/{name}.{form}" for name, wanted in plots.items() if wanted for form in ("png", "svg")]

    def result_rows(self) -> list[dict[str, Any]]:
        """One per task, default cell, runtime and seed: its names and the folder of its measurements."""
        return [
            self._row(task, cell, runtime, seed)
            for task in self.study.tasks
            for cell in self.study.default_cells()
            for runtime in self.study.runtimes_of(self.study.chain(cell))
            for seed in self.study.seeds
        ]

    def _row(self, task: str, cell: str, runtime: str, seed: int) -> dict[str, Any]:
        chain = self.study.chain(cell)
        names = {"study": self.study.study, "task": task, "seed": seed, "cell": cell, "chain": str(chain), "runtime": runtime}
        return {**names, "folder": self.plan.measured(task, seed, chain, runtime)}

    def spec(self, table: str) -> dict[str, Any]:
        """What the job of a table is tracked by."""
        return {**self._said(table), "table": table, "module": TABLES[table], "code": code_digest(TABLES[table])}

    def _said(self, table: str) -> dict[str, Any]:
        if table in ("stagewise", "subsets"):
            return self.table(table)
        if table in ("orders", "combinations"):
            return self.combinations(table)
        found: dict[str, Any] = getattr(self, table)()
        return found

    def files(self, table: str) -> list[str]:
        """What the job of a table reads."""
        rows = rows_of(self._said(table))
        return list(dict.fromkeys(file for row in rows for seed in row["seeds"] for file in self.needs(seed)))

    def needs(self, seed: Mapping[str, Any]) -> list[str]:
        """What a table reads of one cell and seed."""
        if "folder" in seed:
            return [*self.measurement_files([seed]), *([seed["history"]] if seed.get("history") else [])]
        names = ("quality.json", "predictions.parquet", *(["out_of_domain.json"] if seed["elsewhere"] else []))
        measured = [f"{seed['measured']}/{name}" for name in names]
        return [*measured, f"{seed['teacher']}/predictions.parquet", seed["history"], *seed["caches"]]

    def table(self, name: str) -> dict[str, Any]:
        """The blocks of the table `stagewise` or `subsets`: one per task and runtime, with the rows of its cells' measurements."""
        blocks = [
            self._block(task, cells, runtime, {"runtime": runtime})
            for task in self.study.tasks
            for runtime, cells in self.study.table(name).items()
        ]
        return {"study": self.study.study, "table": name, "threads": self.study.threads.inference, "blocks": blocks}

    def _block(self, task: str, cells: Iterable[str], runtime: str, about: Mapping[str, Any]) -> dict[str, Any]:
        """Cells that are compared with the first. about: further names of every row."""
        rows = [
            {"cell": cell, "about": dict(about), "seeds": [self._row(task, cell, runtime, seed) for seed in self.study.seeds]}
            for cell in cells
        ]
        return {"task": task, "metric": self.study.tasks[task].metric, "rows": rows}

    @property
    def comparing_runtime(self) -> str:
        """Where checkpoints are compared whose speed does not matter: PyTorch needs no export."""
        return "torch" if "torch" in self.study.runtimes else self.study.runtimes[0]

    def distillation(self) -> dict[str, Any]:
        """The table of objectives: per task and seed, each control and the cells that are compared with it."""
        runtime = self.comparing_runtime
        blocks = []
        for task in self.study.tasks:
            for control, cells in self.study.tables.distillation.items():
                rows = [
                    {
                        "cell": cell,
                        "chain": str(chain := self.study.chain(cell)),
                        "seeds": [self._distilled(task, seed, chain, runtime) for seed in self.study.seeds],
                    }
                    for cell in (control, *cells)
                ]
                blocks.append({"task": task, "metric": self.study.tasks[task].metric, "rows": rows})
        tests = {task: list(spec.out_of_domain) for task, spec in self.study.tasks.items()}
        return {"study": self.study.study, "runtime": runtime, "out_of_domain": tests, "blocks": blocks}

    def _distilled(self, task: str, seed: int, chain: Chain, runtime: str) -> dict[str, Any]:
        """Folders and files of one trained student and of the teacher that the whole study has."""
        teacher, needs = self.plan.taught_by(chain)
        transfer = self.study.variant(chain).transfer or "train"
        return {
            "measured": self.plan.measured(task, seed, chain, runtime),
            "teacher": self.plan.measured(task, seed, Chain(), runtime),
            "elsewhere": bool(self.study.tasks[task].out_of_domain),
            "history": f"{self.plan.model(task, seed, chain)}/history.json",
            "caches": [self.plan.cache(task, seed, teacher, transfer, need) for need in needs],
        }

    def pruning(self) -> dict[str, Any]:
        """The table of pruning: per task, each reference and the cells that are compared with it, in the first runtime."""
        runtime = self.study.runtimes[0]
        blocks = [
            {
                "task": task,
                "metric": self.study.tasks[task].metric,
                "rows": [
                    {
                        "cell": cell,
                        "about": self._about_pruning(self.study.chain(cell)),
                        "seeds": [self._pruned(task, cell, runtime, seed) for seed in self.study.seeds],
                    }
                    for cell in (reference, *cells)
                ],
            }
            for task in self.study.tasks
            for reference, cells in self.study.tables.pruning.items()
        ]
        threads = self.study.threads.inference
        return {"study": self.study.study, "runtime": runtime, "threads": threads, "blocks": blocks}

    def _about_pruning(self, chain: Chain) -> dict[str, Any]:
        """What the last link cut, in words."""
        if chain.last is None or chain.last.stage != "prune":
            return {"structure": None, "cut": None, "criterion": None, "recovered": None}
        variant = self.study.variant(chain)
        if isinstance(variant, Vocabulary):
            cut, by = "unused", None
        elif isinstance(variant, Layers):
            cut, by = f"{variant.drop} {_parts(variant)}", variant.strategy
        elif isinstance(variant, Cofi):
            cut, by = f"{variant.sparsity * 100:g} %", "learned masks"
        else:
            cut, by = f"{variant.ratio * 100:g} %", variant.criterion if variant.ratio else None
        return {
            "structure": variant.structure,
            "cut": cut,
            "criterion": by,
            "recovered": bool(variant.recovery),
        }

    def _pruned(self, task: str, cell: str, runtime: str, seed: int) -> dict[str, Any]:
        """A row of results; learned masks end where they end, which the history of their job tells."""
        chain = self.study.chain(cell)
        learned = chain.last is not None and isinstance(self.study.variant(chain), Cofi)
        history = f"{self.plan.model(task, seed, chain)}/history.json" if learned else None
        return {**self._row(task, cell, runtime, seed), "history": history}

    def quantization(self) -> dict[str, Any]:
        """The table of quantization: per task and runtime, each float cell and its quantized ones."""
        blocks = []
        for task in self.study.tasks:
            for reference, cells in self.study.tables.quantization.items():
                for runtime in self.study.runtimes_of(self.study.chain(reference)):
                    chosen = [cell for cell in cells if runtime in self.study.runtimes_of(self.study.chain(cell))]
                    rows = [
                        {
                            "cell": cell,
                            "about": self._about_quantizing(self.study.chain(cell)),
                            "seeds": [self._row(task, cell, runtime, seed) for seed in self.study.seeds],
                        }
                        for cell in (reference, *chosen)
                    ]
                    metric = self.study.tasks[task].metric
                    blocks += [{"task": task, "runtime": runtime, "metric": metric, "rows": rows}] if chosen else []
        return {"study": self.study.study, "threads": self.study.threads.inference, "blocks": blocks}

    def _about_quantizing(self, chain: Chain) -> dict[str, Any]:
        if not chain.quantized:
            return {"scheme": None, "details": None}
        variant = self.study.variant(chain)
        return {"scheme": variant.scheme, "details": variant.details}

    def combinations(self, table: str) -> dict[str, Any]:
        """The table `orders` or `combinations`: per task, each first cell and those that are compared with it."""
        runtime = self.study.runtimes[0]
        blocks = [
            self._block(task, (reference, *cells), runtime, {})
            for task in self.study.tasks
            for reference, cells in getattr(self.study.tables, table).items()
        ]
        threads = self.study.threads.inference
        return {"study": self.study.study, "table": table, "runtime": runtime, "threads": threads, "blocks": blocks}

    def literature(self) -> dict[str, Any]:
        """Published figures, and beside them the cells of the stage-wise table in its first runtime."""
        stagewise = self.table("stagewise")
        runtime = stagewise["blocks"][0]["rows"][0]["about"]["runtime"]
        blocks = [block for block in stagewise["blocks"] if block["rows"][0]["about"]["runtime"] == runtime]
        return {**stagewise, "blocks": blocks}

    def recommendation(self) -> dict[str, Any]:
        """Limits, and per task every default cell that is measured in their runtime."""
        recommend = self.study.recommend or Recommend(runtime=self.study.runtimes[0])
        runtime = recommend.runtime
        cells = [cell for cell in self.study.default_cells() if runtime in self.study.runtimes_of(self.study.chain(cell))]
        cells.sort(key=lambda cell: bool(self.study.chain(cell).links))
        seed = self.study.seeds[0]
        blocks = [
            self._block(task, cells, runtime, {})
            | {
                "bundles": {
                    cell: f"{self.plan.bundle(task, cell, seed)}/model.onnx" for cell in cells if runtime == "onnxruntime"
                }
            }
            for task in self.study.tasks
        ]
        questions = {cell: self.study.cells[cell].question for cell in cells}
        limits = recommend.model_dump(mode="json")
        return {"study": self.study.study, "limits": limits, "questions": questions, "blocks": blocks}

    def parameters(self) -> dict[str, Any]:
        """The table of parameters: every cell of the stage-wise table and of quantization, in its runtimes, and those that are named."""
        found = [(runtime, cell) for runtime, cells in self.study.table("stagewise").items() for cell in cells]
        for reference, cells in self.study.tables.quantization.items():
            found += [
                (runtime, cell) for cell in (reference, *cells) for runtime in self.study.runtimes_of(self.study.chain(cell))
            ]
        for cell in self.study.tables.parameters:
            found += [(runtime, cell) for runtime in self.study.runtimes_of(self.study.chain(cell))]
        rows = [
            {
                "task": task,
                "cell": cell,
                "metric": self.study.tasks[task].metric,
                "runtime": runtime,
                "seeds": [self._row(task, cell, runtime, seed) for seed in self.study.seeds],
            }
            for task in self.study.tasks
            for runtime, cell in dict.fromkeys(found)
        ]
        return {"study": self.study.study, "rows": rows}

    def measurement_files(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """What the report reads of these rows."""
        return [f"{row['folder']}/{name}" for row in rows for name in MEASUREMENTS]

    # -- the page --------------------------------------------------------------------------------------------------

    def page(self) -> dict[str, Any]:
        """What the page tells: its tables and the runtime of those that have only one, every measured cell, every link of its chain."""
        study = self.study
        first = study.runtimes[0]
        one = {"distillation": self.comparing_runtime, "pruning": first, "orders": first, "combinations": first}
        cells = study.default_cells()
        chains = dict.fromkeys(link for cell in cells for link in study.chain(cell).prefixes)
        return {
            "study": study.study,
            "root": self.plan.root,
            "tables": {name: one.get(name) for name in study.page},
            "metrics": {task: spec.metric for task, spec in study.tasks.items()},
            "threads": study.threads.model_dump(),
            "latency": study.latency.model_dump(),
            "rows": self.result_rows(),
            "cells": {cell: {"chain": study.cells[cell].chain, "question": study.cells[cell].question} for cell in cells},
            "links": {str(chain): self._link(chain) for chain in chains},
            "code": code_digest("edgemin.report.page"),
        }

    def _link(self, chain: Chain) -> dict[str, Any]:
        """What the study says of the chain's last link, and the folders of the models that came of it."""
        variant = self.study.variant(chain) if chain.links else self.study.teacher
        models = [
            {"task": task, "seed": seed, "folder": self.plan.model(task, seed, chain)}
            for task in self.study.tasks
            for seed in self.study.seeds
        ]
        return {"settings": variant.model_dump(mode="json", exclude_unset=True), "models": models}

    def page_files(self) -> dict[str, list[str]]:
        """What the page reads, by kind."""
        page, root = self.page(), self.plan.root
        models = []
        for text, link in page["links"].items():
            chain = Chain.parse(text)
            trained = not chain.quantized or self.study.variant(chain).trains
            names = ("provenance.json", "history.json") if trained else ("provenance.json",)
            models += [f"{model['folder']}/{name}" for model in link["models"] for name in names]
        graphs = [
            f"{self.plan.model(row['task'], row['seed'], row['chain'])}/onnx_provenance.json"
            for row in page["rows"]
            if row["runtime"] == "onnxruntime" and not Chain.parse(row["chain"]).quantized
        ]
        tables = [f"{root}/tables/{name}.{form}" for name in page["tables"] for form in ("csv", "md")]
        return {
            "tables": [f"{root}/tables/results.csv", *(file for file in tables if not file.endswith("sensitivity.md"))],
            "plots": [f"{root}/plots/{name}.svg" for name in ("stagewise", "pareto_latency", "pareto_size")],
            "measurements": [
                f"{row['folder']}/{name}" for row in page["rows"] for name in ("predictions.parquet", "latency.json")
            ],
            "models": models + graphs,
        }


def _parts(variant: Layers) -> str:
    """What a variant drops, in words."""
    word = {"layer": "layer", "attention": "attention block", "ffn": "FFN block"}[variant.part]
    return word if variant.drop == 1 else f"{word}s"
