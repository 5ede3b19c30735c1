"""A study on record: its tables, made now of what was measured then, and its numbers in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pandas as pd

from edgemin.cli.partial import present
from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json, write_json
from edgemin.plan.jobs import Jobs
from edgemin.plan.lineage import Wildcards, listed
from edgemin.plan.page import PLOTS
from edgemin.plan.plan import Plan
from edgemin.report.acceptance.gate import verdict
from edgemin.report.columns import TIMES
from edgemin.report.markup import pipes
from edgemin.report.number import Format, scale_of
from edgemin.report.page.render import write_page
from edgemin.report.record import unpack
from edgemin.report.trainings import phases_of
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.measuring import Threads
from edgemin.study.read import read_study

_CHANGES = ("quality_change", "difference", "change_to_teacher")
_SPEEDS = ("speedup_over_reference", "speedup_over_parent")
"""Columns of tables."""


class Row:
    """A row of a table, as CSV has it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def value(self, column: str) -> float:
        """Unrounded. Raises EdgeminError for a column that the table lacks."""
        if column not in self.values:
            raise EdgeminError(f"no column {column}; the table has {', '.join(self.values)}")
        return float(self.values[column])

    def text(self, column: str, interval: bool = True) -> str:
        """As tables have it, with its interval where there is one. Raises EdgeminError for a column that the table lacks, and for a count."""
        scale = scale_of(str(self.values["metric"]))
        form = {"quality": scale.value, **dict.fromkeys(_CHANGES, scale.change), **dict.fromkeys(_SPEEDS, TIMES)}
        if self.values.get("by") == "quality":  # of the table of statements
            form["value"] = scale.change
        names = ("low", "high") if column == "value" else (f"{column}_low", f"{column}_high")
        ends = [self.values.get(name) if interval else None for name in names]
        value = self.value(column)
        if column not in form:
            raise EdgeminError(f"column {column} has no form in words; these have one: {', '.join(form)}")
        return form[column].text(value, *ends)


def _contents(record: Path) -> Any:
    return read_json(record, remedy="restore it from version control")


def _seed(record: Path) -> int:
    return int(record.stem.removeprefix("seed"))


def _of_one_setting(plan: Plan, records: Sequence[Path]) -> tuple[dict[int, Path], bool]:
    """Seed -> its record, and whether they are current: made by the settings and the code of today. Records that are and records that are
    not are not mixed: it is those of more seeds, or of as many the current ones. So a study whose settings changed is shown as it
    was until it is on record anew."""
    digest = Jobs(plan).page.records.lineage.digest
    current: dict[int, Path] = {}
    older: dict[int, Path] = {}
    for record in records:
        made_by = _contents(record)["made_by"]
        as_now = all(digest(f"{plan.root}/{name}") == recorded for name, recorded in made_by.items())
        (current if as_now else older)[_seed(record)] = record
    return (current, True) if len(current) >= len(older) else (older, False)


class Study:
    """The results of one study on record: tables made now, of what was measured then."""

    current: bool
    """Whether the study, and the code of its trainings and measurements, are as they were when it was recorded."""

    def __init__(self, file: Path, records: Path, scratch: Path) -> None:
        files = sorted(records.glob("*/seed*.json"), reverse=True)
        if not files:
            raise EdgeminError(f"{records}: holds no seed; run: make evidence STUDY={file}")
        one_thread = Threads(training=1, inference=1)  # as `make evidence` has it
        study = read_study(str(file)).model_copy(update={"threads": one_thread})
        study.seeds[:] = sorted({_seed(one) for one in files})
        of_seed, self.current = _of_one_setting(Plan(study), files)
        self.seeds = study.seeds[:] = sorted(of_seed)
        self.plan = Plan(study)
        self._scratch = scratch
        self.hosts = [self._unpacked(of_seed[seed]) for seed in self.seeds]
        self.machines = list(dict.fromkeys(of_seed[seed].parent.name for seed in self.seeds))
        """Folders of the record."""

    def _unpacked(self, record: Path) -> Mapping[str, Any]:
        """The host of a seed, whose files are put where `_moved` says."""
        contents, predictions = _contents(record), record.with_suffix(".parquet")
        made_by = contents["made_by"]
        files = {name: str(self._scratch / name) for name in made_by}
        unpack({"record": str(record), "predictions": str(predictions), "files": files, "made_by": made_by})
        host: Mapping[str, Any] = contents["host"]
        return host

    def _moved(self, value: Any) -> Any:
        """A spec with the paths of the study's folder replaced."""
        if isinstance(value, dict):
            return {name: self._moved(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self._moved(one) for one in value]
        inside = isinstance(value, str) and value.startswith(f"{self.plan.root}/")
        return str(self._scratch / self.plan.paths.below(value)) if inside else value

    @cached_property
    def _jobs(self) -> Jobs:
        return Jobs(self.plan)

    def _made(self, name: str, form: str) -> Path:
        """A file of a table; rows of which something is not on record are left out."""
        file = self._scratch / "tables" / f"{name}.{form}"
        if not file.exists():
            table, contents = registry.TABLES[name], self._moved(self._jobs.tables[name].contents())
            for file_of_verdict in contents.get("acceptance", ()):
                self._judge(Path(file_of_verdict))
            spec, _ = present(table, contents)
            table.write(spec, file.parent)
        return file

    def _judge(self, file: Path) -> None:
        """Write the verdict on a quantized cell, if all answers that it needs are on record."""
        job, at = self._jobs.accept_cell, Wildcards(task=file.parent.name, cell=file.stem)
        if not file.exists() and all(map(Path.exists, map(Path, listed(self._moved(job.read(at)))))):
            write_json(file, verdict(self._moved(job.contents(at))))

    def row(self, table: str, cell: str | None = None, **where: str) -> Row:
        """Of a CSV table: the first of a cell. where: values of other columns. Raises EdgeminError if there is none."""
        wanted = ({} if cell is None else {"cell": cell}) | where
        rows = pd.read_csv(self._made(table, "csv"), dtype=dict.fromkeys(where, str))
        for column, value in wanted.items():
            rows = rows[rows[column] == value]
        if rows.empty:
            raise EdgeminError(f"table {table} of study {self.plan.study.study}: no row of {', '.join(wanted.values())}")
        return Row(rows.iloc[0].to_dict())

    def percent(self, table: str, cell: str, column: str, decimals: int = 1, **where: str) -> str:
        """A share."""
        return Format(decimals, 100).text(self.row(table, cell, **where).value(column))

    def least(self, table: str, column: str, cells: list[str]) -> str:
        """The lowest share of these cells."""
        return Format(2, 100).text(min(self.row(table, cell).value(column) for cell in cells))

    def most(self, table: str, column: str, cells: list[str]) -> str:
        return Format(2, 100).text(max(self.row(table, cell).value(column) for cell in cells))

    def table(
        self, name: str, columns: list[str] | None = None, cells: list[str] | None = None, runtime: str | None = None
    ) -> str:
        """A table in Markdown: these columns, by the first word of their headings, these cells, this runtime; all by default."""
        content = read_json(self._made(name, "json"))
        headings = [one["heading"] for one in content["columns"]]
        kept = [n for n, heading in enumerate(headings) if columns is None or heading in columns or heading.split()[0] in columns]
        rows = [
            [row["cells"][n]["text"] for n in kept]
            for row in content["rows"]
            if (cells is None or row["cell"] in cells) and runtime in (None, row["runtime"])
        ]
        block = next((n for n, heading in enumerate(headings) if heading in ("cell", "measured")), 0)
        outer = sum(n < block for n in kept)
        return pipes(
            [[headings[n] for n in kept], *(_without_repeats(above, row, outer) for above, row in pairwise([[], *rows]))]
        )

    def by_epoch(self, cells: list[str], rule: str) -> str:
        """The metric on validation at the end of these cells' last phases, mean over cells and seeds: of the epoch that the `rule` keeps, `loss`
        or `last`."""
        values = []
        for cell in cells:
            for seed in self.seeds:
                for task in self.plan.study.tasks:
                    epochs = self._history(task, seed, self.plan.study.chain(cell))["phases"][-1]["validation"]
                    last = len(epochs["loss"]) - 1
                    values.append(
                        epochs["metric"][min(range(last + 1), key=epochs["loss"].__getitem__) if rule == "loss" else last]
                    )
        return Format(2, 100).text(sum(values) / len(values))

    def trained(self, cell: str) -> dict[str, float]:
        """`updates` and `seconds` of all trainings on a cell's way from the teacher, means over tasks and seeds."""
        steps = [one for one in self.plan.study.chain(cell).prefixes if one.links and self.plan.trains(one)]
        runs = list(product(self.plan.study.tasks, self.seeds))
        phases = [phase for (task, seed), step in product(runs, steps) for phase in phases_of(self._history(task, seed, step))]
        return {key: sum(phase[key] for phase in phases) / len(runs) for key in ("updates", "seconds")}

    def _history(self, task: str, seed: int, chain: Chain) -> Mapping[str, Any]:
        """Of the training at a chain's end."""
        return read_json(Path(self._moved(self.plan.paths.history(task, seed, chain))))

    def draw(self, plot: str, to: Path) -> None:
        """A plot of one table."""
        job = self._jobs.plots[plot]
        inputs = [str(self._made(Path(file).stem, "csv")) for file in job.plot.files(self.plan)]
        registry.PLOTS[plot].draw(job.contents(), inputs, [str(to)])

    def page(self, to: Path) -> None:
        """Its page. Paths on it are of the scratch folder."""
        contents = self._moved(self._jobs.page.contents()) | {"root": str(self._scratch)}
        for name in contents["tables"]:
            self._made(name, registry.TABLES[name].page_form)
        for name in PLOTS:
            self.draw(name, self._scratch / "plots" / f"{name}.svg")
        write_page(contents, to)

    @property
    def count(self) -> str:
        """Of seeds."""
        return "one seed" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"

    def versions(self, package: str) -> str:
        return " and ".join(dict.fromkeys(str(host["versions"][package]) for host in self.hosts))

    @property
    def machine(self) -> str:
        """Where it was measured, in words."""
        return _named(self.hosts)

    @property
    def timed_on(self) -> str:
        """The machine of the seeds whose latency was measured."""
        return _named([host for seed, host in zip(self.seeds, self.hosts, strict=True) if self.plan.study.times(seed)])


def _named(hosts: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(dict.fromkeys(str(host["cpu"]) for host in hosts))


def _without_repeats(above: list[str], row: list[str], outer: int) -> list[str]:
    """A row without what the row above says already in its outer columns, those that name its block."""
    return ["" if number < outer and row[: number + 1] == above[: number + 1] else text for number, text in enumerate(row)]
