"""Which recipe to ship: the answer as text, every candidate as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgemin.core.errors import EdgeminError
from edgemin.study import registry
from edgemin.study.base import refuses, spec_of
from edgemin.study.chains import ROOT
from edgemin.study.recommend import Recommend
from edgemin.study.rows import block, floor
from edgemin.study.table import Table

if TYPE_CHECKING:
    from edgemin.plan.plan import Plan
    from edgemin.study.study import Study


class Recommendation(Table):
    name = "recommendation"
    title = "Recommendation"
    caption = "Which recipe to ship within the study's limits: chosen on validation, reported on test."
    forms = ("csv", "md", "tex")
    page_form = "md"
    anyway = True

    def declared(self, study: Study) -> bool:
        return bool(study.recommend)

    def made_by_default(self, study: Study) -> bool:
        """Who names limits wants the answer; all that it compares is built by default."""
        return self.declared(study)

    @refuses
    def problems(self, study: Study) -> Iterator[str]:
        if study.recommend is None:
            return
        wanted = study.recommend.runtime
        chains = [study.cells[cell].chain for cell in study.default_cells() if wanted in study.runtimes_of(study.chain(cell))]
        if not any(wanted in study.runtimes_of(study.chain(cell)) for cell in study.cells):
            yield f"recommend.runtime: no cell is measured in {wanted}"
        elif ROOT not in chains:
            yield f"recommend: {_no_teacher(wanted)}"

    def spec(self, plan: Plan) -> dict[str, Any]:
        """Limits, and per task every default cell that is measured in their runtime, the teacher first, and the baselines."""
        study = plan.study
        recommend = study.recommend or Recommend(runtime=study.runtimes[0])
        runtime = recommend.runtime
        cells = [cell for cell in study.default_cells() if runtime in study.runtimes_of(study.chain(cell))]
        cells.sort(key=lambda cell: bool(study.chain(cell).links))
        bundled = cells if registry.RUNTIMES[runtime].bundles else []
        blocks = [
            block(plan, task, cells, runtime)
            | ({"floor": floor(plan, task)} if study.baselines else {})
            | {"bundles": {cell: f"{plan.bundle(task, cell, study.seeds[0])}/model.onnx" for cell in bundled}}
            for task in study.tasks
        ]
        questions = {cell: study.cells[cell].question for cell in cells}
        return {"study": study.study, "limits": spec_of(recommend), "questions": questions, "blocks": blocks}

    def write(self, spec: Mapping[str, Any], folder: Path) -> None:
        """recommendation.csv has every candidate, which one is chosen (`recommended`) and of which cell a bundle is made (`shipped`: the same, unless
        that is a baseline), .md the answer, .tex the Pareto set.

        spec: with `call` the command that makes a bundle can be given in full.
        """
        import pandas as pd

        from edgemin.core.files import whole_file
        from edgemin.report.acceptance.marks import failed_of
        from edgemin.report.collect import write
        from edgemin.report.markup import latex
        from edgemin.report.recommendation import candidates, choose, choose_cell
        from edgemin.report.recommendation_text import pareto_set, text

        options = {"call": spec["call"]} if "call" in spec else {}
        tables, pages, failed = [], [], failed_of(spec.get("acceptance", ()))
        for one in spec["blocks"]:
            if not one["rows"] or one["rows"][0]["seeds"][0]["chain"] != ROOT:
                raise EdgeminError(f"recommend: {_no_teacher(spec['limits']['runtime'])}")
            table = candidates(one, spec["limits"], failed)
            chosen = choose(table, spec["limits"])
            for name, one_row in (("recommended", chosen), ("shipped", choose_cell(table, spec["limits"]))):
                table[name] = table["cell"] == (None if one_row is None else one_row["cell"])
            tables.append(table)
            head = f"# {self.title}: {spec['study']}" + (f", task {one['task']}" if len(spec["blocks"]) > 1 else "")
            pages.append(f"{head}\n\n{text(one, table, spec['limits'], spec['questions'], failed=failed, **options)}\n")
        table = pd.concat(tables, ignore_index=True)
        write(table, folder / "recommendation.csv")
        with whole_file(folder / "recommendation.md") as partial:
            partial.write_text("\n".join(pages), encoding="utf-8")
        with whole_file(folder / "recommendation.tex") as partial:
            partial.write_text(latex(pareto_set(table, spec["study"], failed)), encoding="utf-8")


def _no_teacher(runtime: str) -> str:
    return f"no cell with the chain '{ROOT}' is measured in {runtime}, and drops are below it; add one"
