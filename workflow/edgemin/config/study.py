"""A study: one YAML file, checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from edgemin.chains import ROOT, Chain
from edgemin.config import messages
from edgemin.config.base import Name, Seed, Strict
from edgemin.config.grids import Grid, expand
from edgemin.config.sources import DataSource, ModelSource
from edgemin.config.variants import AnyPrune, AnyQuantize, Distill, Int8Qat, LabelPhase, UnitCriterion
from edgemin.errors import EdgeminError

Runtime = Literal["onnxruntime", "torch"]
Metric = Literal["accuracy", "macro_f1", "matthews", "pearson", "spearman"]
REGRESSION_METRICS = ("pearson", "spearman")
SPLITS = ("train", "validation", "test")
LINKS = 16
"""Of a chain: each is a folder inside the one before, and a path has an end."""


class SignOf(Strict):
    """A binary label from a rating: 1 if positive, 0 if negative; rows with |rating| < dead_zone are dropped."""

    sign_of: str
    dead_zone: Annotated[float, Field(ge=0)] = 0.0


class Splits(Strict):
    """How splits that the source lacks are carved out of `train`, stratified by label."""

    validation: Annotated[int, Field(ge=1)] = 1000
    """Rows of the validation split, where the source has none."""
    test: Annotated[int, Field(ge=1)] = 2000
    """Rows of the test split, where the source has none."""
    seed: Seed = 0
    train: Annotated[int, Field(ge=1)] | None = None
    """Keep at most so many training rows (a stratified sample); empty: all."""


def columns_of(text: str | list[str]) -> list[str]:
    """One text column, or the two of a pair."""
    return [text] if isinstance(text, str) else list(text)


class TestSet(Strict):
    """A test set from elsewhere, with the classes of the task."""

    source: DataSource
    text: str | Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    """Empty: the columns of the task."""
    label: str | SignOf | None = None
    """Empty: as in the task."""


class Task(Strict):
    source: DataSource
    text: str | Annotated[list[str], Field(min_length=2, max_length=2)]
    """Text column, or the two columns of a sentence pair."""
    label: str | SignOf
    label_names: Annotated[list[str], Field(min_length=2)] | None = None
    """Class names by index. Empty: regression if the metric is pearson or spearman, else the sorted label values."""
    splits: Splits = Splits()
    max_length: Annotated[int, Field(ge=4)] = 128
    """Longest input in tokens, special tokens included; longer texts are truncated."""
    metric: Metric = "accuracy"
    out_of_domain: dict[Name, TestSet] = {}
    """Test sets of other kinds of text; nothing is trained or chosen on them."""

    @property
    def text_columns(self) -> list[str]:
        return columns_of(self.text)

    @property
    def regression(self) -> bool:
        return self.metric in REGRESSION_METRICS

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if self.regression and self.label_names:
            raise ValueError(f"label_names given for the regression metric '{self.metric}'; drop them or choose accuracy")
        if self.regression and isinstance(self.label, SignOf):
            raise ValueError(f"label: sign_of makes classes, but the metric '{self.metric}' is for regression")
        if self.label_names and len(set(self.label_names)) != len(self.label_names):
            raise ValueError("label_names: a name stands twice")
        if isinstance(self.label, SignOf) and self.label_names and len(self.label_names) != 2:
            raise ValueError("label: sign_of makes two classes; give two label_names")
        for name, test in self.out_of_domain.items():
            if test.text is not None and isinstance(test.text, str) != isinstance(self.text, str):
                raise ValueError(f"out_of_domain.{name}.text: give as many columns as the task has ({len(self.text_columns)})")
        return self


class Unlabelled(Strict):
    """Texts that need no label."""

    source: DataSource
    text: str | Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    """Text column, or two for sentence pairs; empty: those of the task."""

    @property
    def columns(self) -> list[str]:
        assert self.text is not None
        return columns_of(self.text)


class Augment(Strict):
    """New sentences out of the training sentences (Tang et al. 2019, arXiv 1903.12136)."""

    mask: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Chance of a word to be masked."""
    replace: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Chance of a word to be replaced by one drawn from the training words."""
    ngram: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Chance of a sentence to be cut to some of its words in a row."""
    longest: Annotated[int, Field(ge=1)] = 5
    """Most words that such a cut leaves."""

    @model_validator(mode="after")
    def _chances_of_a_word(self) -> Augment:
        if self.mask + self.replace > 1:
            raise ValueError(f"mask {self.mask} and replace {self.replace} are chances of one word; make their sum 1 at most")
        return self


class Transfer(Strict):
    """A set of texts to distil on: the training rows, texts without a label, augmented sentences. Texts of the validation and
    test splits are left out."""

    unlabelled: list[Unlabelled] = []
    dead_zone: bool = False
    """Add the task's rows whose rating lies in its dead zone."""
    augment: Augment | None = None
    """Fill up to `rows` with augmented training sentences."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """Rows of the whole set. Without `augment`: at most so many."""
    seed: Seed = 0

    @model_validator(mode="after")
    def _consistent(self) -> Transfer:
        if self.augment and self.rows is None:
            raise ValueError("augment: say with rows how large the set is to become")
        if not (self.unlabelled or self.dead_zone or self.augment):
            raise ValueError("adds nothing to the training rows; give unlabelled, dead_zone or augment")
        return self


class Teacher(Strict):
    source: ModelSource
    training: Literal["none"] | Annotated[list[LabelPhase], Field(min_length=1)]
    """`none`: the source is fine-tuned already; else the phases of its fine-tuning."""


class Cell(Strict):
    chain: str
    question: str = ""
    """What this cell is there to answer."""


class Threads(Strict):
    training: Annotated[int, Field(ge=1)] = 2
    inference: Annotated[int, Field(ge=1)] = 1


class Latency(Strict):
    """Single stream: batch 1, real test sentences. Throughput: full batches."""

    warmup: Annotated[int, Field(ge=0)] = 50
    calls: Annotated[int, Field(ge=1)] = 1000
    seconds: Annotated[float, Field(gt=0)] = 10.0
    """Timing stops after `calls` calls or `seconds` seconds, whichever comes first..."""
    minimum_calls: Annotated[int, Field(ge=1)] = 100
    """...but not before so many calls."""
    blocks: Annotated[int, Field(ge=4)] = 20
    """Blocks of calls, in which models take turns; intervals are computed over blocks."""
    batch_size: Annotated[int, Field(ge=2)] = 32
    """Batch of the throughput scenario."""
    batches: Annotated[int, Field(ge=0)] = 20
    """Batches of the throughput scenario; 0 leaves it out."""
    seed: Seed = 0


class TeacherCache(Strict):
    """What a frozen teacher says about the training split, computed once for all students."""

    limit_gb: Annotated[float, Field(ge=0)] = 8.0
    """A signal larger than this (10^9 bytes on disk) is not stored: the teacher then runs inside every training step."""
    keep: bool = False
    """Keep the files when the run has ended well; else they go, and are computed again if a later run needs them."""


class Sensitivity(Strict):
    """Ratio sweeps without recovery, on validation (`plot_sensitivity`, `plot_head_importance`); not made by default."""

    cell: Name
    """Whose float checkpoint is cut."""
    ratios: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2)] = [n / 10 for n in range(9)]
    heads: list[UnitCriterion] = ["magnitude", "gradient", "taylor", "michel", "activation", "oracle", "random"]
    ffn: list[UnitCriterion] = ["magnitude", "gradient", "taylor", "michel", "activation", "random"]
    weights: list[Literal["magnitude", "random"]] = ["magnitude", "random"]
    sentences: Annotated[int, Field(ge=1)] = 512
    """How many training sentences a data-driven criterion reads."""

    def sweeps(self) -> list[tuple[str, str]]:
        """(structure, criterion) of each."""
        return [(name, criterion) for name in ("heads", "ffn", "weights") for criterion in getattr(self, name)]


class LayerSensitivity(Strict):
    """Dynamic INT8 of one part of a model at a time, on validation (`plot_layer_sensitivity`); not made by default."""

    cell: Name
    """Whose exported graph is quantized."""
    sentences: Annotated[int, Field(ge=1)] = 500
    """Of validation."""


class Tables(Strict):
    stagewise: dict[Runtime, Annotated[list[Name], Field(min_length=1)]] = {}
    """Runtime -> cells, in the order of the stages. Empty: every cell in each runtime that it is measured in."""
    subsets: dict[Runtime, Annotated[list[Name], Field(min_length=1)]] = {}
    """Runtime -> cells that leave stages out, the teacher first; a table of its own (`table_subsets`), not made by default."""
    distillation: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """Control cell -> cells that are compared with it, at equal compute (`table_distillation`); not made by default."""
    pruning: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """Reference cell -> cells whose chains end in a prune link (`table_pruning`); not made by default."""
    quantization: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """Float cell -> cells that quantize its chain (`table_quantization`, `table_parameters`); not made by default."""
    orders: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """First cell -> cells with the same stages in another order (`table_orders`); not made by default."""
    combinations: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """Reference cell -> any cells or grids of `cross` (`table_combinations`); not made by default."""
    parameters: list[Name] = []
    """Further cells of `table_parameters`; not made by default."""

    def compared(self) -> dict[str, dict[str, list[str]]]:
        """The tables in blocks: name -> reference -> cells."""
        names = ("distillation", "pruning", "quantization", "orders", "combinations")
        return {name: getattr(self, name) for name in names}


class Recommend(Strict):
    """What may be shipped. Limits are checked on validation; what is left out is no limit."""

    max_accuracy_drop: Annotated[float, Field(ge=0)] | None = None
    """Below the teacher, in units of the metric: 0.01 is one point of accuracy."""
    max_bytes: Annotated[int, Field(ge=1)] | None = None
    """Of all files needed to predict."""
    max_p90_ms: Annotated[float, Field(gt=0)] | None = None
    """90th percentile of the latency at batch 1, on the machine that measures."""
    runtime: Runtime = "onnxruntime"
    prefer: Literal["latency", "bytes", "quality"] = "latency"
    """Which of the cells within all limits is chosen: the fastest (p90), the smallest, or the best."""


PageTable = Literal[
    "stagewise",
    "subsets",
    "distillation",
    "pruning",
    "quantization",
    "parameters",
    "orders",
    "combinations",
    "literature",
    "recommendation",
    "sensitivity",
]


def _duplicates(values: list[Any]) -> list[Any]:
    return sorted({value for value in values if values.count(value) > 1})


class Study(Strict):
    study: Name
    """Name of the study and of its folder under results/."""
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    teacher: Teacher
    transfer: dict[Name, Transfer] = {}
    distill: dict[Name, Distill] = {}
    prune: dict[Name, AnyPrune] = {}
    quantize: dict[Name, AnyQuantize] = {}
    cells: Annotated[dict[Name, Cell], Field(min_length=1)]
    cross: dict[Name, Grid] = {}
    """Grids of chains, each a cell; see `edgemin.config.grids`."""
    tables: Tables = Tables()
    page: Annotated[list[PageTable], Field(min_length=1)] = ["stagewise"]
    """Tables on the study's page; the cells that they list are built by default."""
    recommend: Recommend | None = None
    sensitivity: Sensitivity | None = None
    layer_sensitivity: LayerSensitivity | None = None
    deploy: list[Name] = []
    """Cells that `snakemake deploy` makes bundles of; empty: the last row of the stage-wise table in ONNX Runtime."""
    seeds: Annotated[list[Seed], Field(min_length=1)]
    runtimes: Annotated[list[Runtime], Field(min_length=1)] = ["onnxruntime", "torch"]
    """Runtimes in which float chains are measured; a quantized chain is measured in the one of its variant."""
    threads: Threads = Threads()
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Of training. `auto`: bf16 autocast where the device computes in it, else fp32."""
    latency: Latency = Latency()
    teacher_cache: TeacherCache = TeacherCache()

    @field_validator("cells", mode="before")
    @classmethod
    def _bare_chains(cls, cells: Any) -> Any:
        """`kd: teacher/distill-minilmv2` is short for `kd: {chain: teacher/distill-minilmv2}`."""
        if not isinstance(cells, Mapping):
            return cells
        return {name: {"chain": cell} if isinstance(cell, str) else cell for name, cell in cells.items()}

    @model_validator(mode="after")
    def _crossed(self) -> Study:
        """The cells of grids are cells like others, and a grid's name in a table stands for them."""
        for name, grid in self.cross.items():
            if name in self.cells:
                raise ValueError(f"cross.{name}: is the name of a cell too; rename one")
            try:
                found = expand(name, grid, {cell: spec.chain for cell, spec in self.cells.items()})
            except EdgeminError as error:
                raise ValueError(str(error)) from None
            self.cells.update({cell: Cell(chain=chain) for cell, chain in found.items() if cell not in self.cells})
            for blocks in self.tables.compared().values():
                for reference, cells in blocks.items():
                    new = [one for cell in cells for one in (found if cell == name else [cell])]
                    cells[:] = [cell for cell in dict.fromkeys(new) if cell != reference]
        return self

    def variants(self) -> dict[str, Mapping[str, Strict]]:
        return {"distill": self.distill, "prune": self.prune, "quantize": self.quantize}

    def variant(self, chain: Chain) -> Any:
        """The variant of the chain's last link."""
        assert chain.last is not None
        return self.variants()[chain.last.stage][chain.last.variant]

    def chain(self, cell: str) -> Chain:
        return Chain.parse(self.cells[cell].chain)

    def chains(self) -> list[Chain]:
        """Every chain of every cell, prefixes included, each once, parents first."""
        return list(dict.fromkeys(prefix for cell in self.cells for prefix in self.chain(cell).prefixes))

    def runtimes_of(self, chain: Chain) -> list[str]:
        """Where a chain is measured."""
        return [self.variant(chain).backend] if chain.quantized else list(self.runtimes)

    def table(self, name: str) -> dict[str, list[str]]:
        """Runtime -> cells of the table `stagewise` or `subsets`."""
        stated: dict[Runtime, list[str]] = getattr(self.tables, name)
        if stated or name != "stagewise":
            return {str(runtime): list(cells) for runtime, cells in stated.items()}
        blocks = {
            str(runtime): [cell for cell in self.cells if runtime in self.runtimes_of(self.chain(cell))]
            for runtime in self.runtimes
        }
        return {runtime: cells for runtime, cells in blocks.items() if cells}

    def default_cells(self) -> list[str]:
        """The cells that are built unless something else is asked for: all but those that only tables list that do not stand on
        the page."""
        listed: dict[str, set[str]] = {
            name: {cell for cells in self.table(name).values() for cell in cells} for name in ("stagewise", "subsets")
        }
        for name, blocks in self.tables.compared().items():
            listed[name] = {cell for first, cells in blocks.items() for cell in (first, *cells)}
        listed["parameters"] = listed["quantization"] | set(self.tables.parameters)
        default = set().union(*(listed.get(name, set()) for name in ("stagewise", *self.page)))
        optional = set().union(*listed.values())
        return [cell for cell in self.cells if cell in default or cell not in optional]

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        problems = []
        for key in ("seeds", "runtimes", "page"):
            if repeated := _duplicates(getattr(self, key)):
                problems.append(f"{key}: {repeated} stand twice")
        for cell in self.cells:
            try:
                chain = self.chain(cell)
            except EdgeminError as error:
                problems.append(f"cells.{cell}: {error}")
                continue
            if len(chain.links) > LINKS:
                problems.append(f"cells.{cell}: chain has {len(chain.links)} links; make it {LINKS} at most")
                continue
            for link in chain.links:
                known = self.variants()[link.stage]
                if link.variant not in known:
                    problems.append(
                        f"cells.{cell}: chain '{chain}' names the unknown {link.stage} variant '{link.variant}'; "
                        f"known: {', '.join(sorted(known)) or 'none, add it under ' + link.stage}"
                    )
        if not problems:
            if self.sensitivity and self.sensitivity.cell not in self.cells:
                problems.append(self._no_cell("sensitivity.cell", self.sensitivity.cell))
            elif self.sensitivity and self.chain(self.sensitivity.cell).quantized:
                problems.append(f"sensitivity.cell: '{self.sensitivity.cell}' is quantized; name a float one")
            scanned = self.layer_sensitivity.cell if self.layer_sensitivity else None
            if scanned and scanned not in self.cells:
                problems.append(self._no_cell("layer_sensitivity.cell", scanned))
            elif scanned and self.chain(scanned).quantized:
                problems.append(f"layer_sensitivity.cell: '{scanned}' is quantized; name a float one")
            for cell in self.deploy:
                if cell not in self.cells:
                    problems.append(self._no_cell("deploy", cell))
                elif "onnxruntime" not in self.runtimes_of(self.chain(cell)):
                    problems.append(f"deploy: cell '{cell}' is not measured in onnxruntime, which bundles run in; name another")
            problems += [
                f"page: the study has no table '{name}'; add it, or drop the name" for name in self.page if self._lacks(name)
            ]
            problems += self._problems_of_tables() + self._problems_of_teacher() + self._problems_of_transfer()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _lacks(self, table: str) -> bool:
        """Whether nothing is said that the table could be made of."""
        return not {**self.tables.compared(), "subsets": self.tables.subsets, "sensitivity": self.sensitivity}.get(table, True)

    def _no_cell(self, key: str, name: str) -> str:
        return f"{key}: '{name}' is not a cell; known: {', '.join(self.cells)}"

    def _problems_of_tables(self) -> list[str]:
        problems = []
        blocks = [
            (f"tables.{name}.{runtime}", runtime, cells)
            for name in ("stagewise", "subsets")
            for runtime, cells in self.table(name).items()
        ]
        for key, runtime, cells in blocks:
            for cell in cells:
                if cell not in self.cells:
                    problems.append(self._no_cell(key, cell))
                elif runtime not in self.runtimes_of(self.chain(cell)):
                    problems.append(f"{key}: cell '{cell}' is not measured in {runtime}")
            if not any(self.cells[cell].chain == ROOT for cell in cells if cell in self.cells):
                problems.append(f"{key}: lists no cell with the chain '{ROOT}', the reference")
        for control, cells in self.tables.distillation.items():
            for cell in (control, *cells):
                if cell not in self.cells:
                    problems.append(self._no_cell(f"tables.distillation.{control}", cell))
                elif (last := self.chain(cell).last) is None or last.stage != "distill":
                    problems.append(f"tables.distillation.{control}: the chain of cell '{cell}' does not end in a distill stage")
        for reference, cells in self.tables.pruning.items():
            for cell in (reference, *cells):
                if cell not in self.cells:
                    problems.append(self._no_cell(f"tables.pruning.{reference}", cell))
                elif self.chain(cell).quantized:
                    problems.append(f"tables.pruning.{reference}: cell '{cell}' is quantized; name float cells")
                elif cell != reference and ((last := self.chain(cell).last) is None or last.stage != "prune"):
                    problems.append(f"tables.pruning.{reference}: the chain of cell '{cell}' does not end in a prune stage")
        for name in ("orders", "combinations"):
            for reference, cells in getattr(self.tables, name).items():
                for cell in (reference, *cells):
                    if cell not in self.cells:
                        problems.append(self._no_cell(f"tables.{name}.{reference}", cell))
                    elif self.runtimes[0] not in self.runtimes_of(self.chain(cell)):
                        problems.append(
                            f"tables.{name}.{reference}: cell '{cell}' is not measured in {self.runtimes[0]}, "
                            "the first of runtimes, in which this table compares"
                        )
        if self.recommend and not any(self.recommend.runtime in self.runtimes_of(self.chain(cell)) for cell in self.cells):
            problems.append(f"recommend.runtime: no cell is measured in {self.recommend.runtime}")
        for reference, cells in self.tables.orders.items():
            known = [cell for cell in (reference, *cells) if cell in self.cells]
            stages = {cell: sorted(link.stage for link in self.chain(cell).links) for cell in known}
            problems += [
                f"tables.orders.{reference}: cell '{cell}' has other stages than '{reference}'; that is no question of order"
                for cell in known
                if stages[cell] != stages.get(reference)
            ]
        problems += [self._no_cell("tables.parameters", cell) for cell in self.tables.parameters if cell not in self.cells]
        for reference, cells in self.tables.quantization.items():
            key = f"tables.quantization.{reference}"
            for cell in (reference, *cells):
                if cell not in self.cells:
                    problems.append(self._no_cell(key, cell))
                elif cell == reference and self.chain(cell).quantized:
                    problems.append(f"{key}: cell '{cell}' is quantized; name its float parent")
                elif cell != reference and reference in self.cells and self.chain(cell).parent != self.chain(reference):
                    problems.append(f"{key}: the chain of cell '{cell}' does not quantize that of '{reference}'")
                elif cell != reference and not self.chain(cell).quantized:
                    problems.append(f"{key}: the chain of cell '{cell}' does not end in a quantize stage")
        return problems

    def _problems_of_transfer(self) -> list[str]:
        problems = [f"transfer.{name}: is the name of a split; choose another" for name in SPLITS if name in self.transfer]
        aware = {name: variant for name, variant in self.quantize.items() if isinstance(variant, Int8Qat)}
        stages: dict[str, Mapping[str, Any]] = {"distill": self.distill, "prune": self.prune, "quantize": aware}
        for stage, variants in stages.items():
            for name, variant in variants.items():
                if variant.transfer is not None and variant.transfer not in self.transfer:
                    problems.append(
                        f"{stage}.{name}.transfer: '{variant.transfer}' is unknown; known: "
                        f"{', '.join(sorted(self.transfer)) or 'none, add it under transfer'}"
                    )
        for name, transfer in self.transfer.items():
            for task_name, task in self.tasks.items():
                if transfer.dead_zone and not isinstance(task.label, SignOf):
                    problems.append(f"transfer.{name}.dead_zone: task {task_name} has no rating with a dead zone; drop the key")
                for number, unlabelled in enumerate(transfer.unlabelled):
                    problems += [
                        f"transfer.{name}.unlabelled.{number}.source: is the test set out_of_domain.{test} of task {task_name}; "
                        "nothing may be trained on it: name another source"
                        for test, spec in task.out_of_domain.items()
                        if spec.source == unlabelled.source
                    ]
                    if unlabelled.text is not None and len(unlabelled.columns) != len(task.text_columns):
                        problems.append(
                            f"transfer.{name}.unlabelled.{number}.text: {len(unlabelled.columns)} text columns, "
                            f"but task {task_name} has {len(task.text_columns)}"
                        )
        return problems

    def _problems_of_teacher(self) -> list[str]:
        if self.teacher.training == "none" and self.teacher.source.random:
            return ["teacher.training: none, but a random source is not fine-tuned; give phases"]
        return []


def _key(location: tuple[int | str, ...], config: Any, missing: bool) -> str:
    """`tasks.movies.label` from pydantic's location, without the names of union members that it puts in.

    A part counts if it is a key or an index of the study at that place. missing: the last one is what is not there.
    """
    parts = []
    for number, part in enumerate(location):
        here = (isinstance(config, Mapping) and part in config) or (
            isinstance(config, list) and isinstance(part, int) and part < len(config)
        )
        if here:
            config = config[part]
        elif not missing or number < len(location) - 1:
            continue
        parts.append(str(part))
    return ".".join(parts) or "study"


def parse_study(config: Mapping[str, Any], file: str = "study") -> Study:
    """Check a study as read from YAML.

    Raises EdgeminError with one line per problem: file, key, what is wrong.
    """
    _refuse(messages.unreadable(config), file)
    if not isinstance(config, Mapping):
        raise EdgeminError(f"{file}: study: found {messages.found(config)}; a study is a mapping of the keys in config/README.md")
    try:
        study = Study.model_validate(dict(config))
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_url=False):
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                message = "unknown key; see config/README.md for the keys of a study"
            elif problem["type"] == "missing":
                message = "missing; add this key"
            elif problem["type"] == "string_pattern_mismatch":
                message = f"{messages.found(problem['input'])} does not match {problem['ctx']['pattern']}"
            elif problem["type"] not in ("value_error",):
                message = f"{message}; found {messages.found(problem['input'])}"
            lines.append(
                f"{file}: {messages.line(_key(problem['loc'], config, problem['type'] == 'missing'))}: {messages.line(message)}"
            )
        raise EdgeminError("\n".join(dict.fromkeys(lines))) from None
    _refuse(messages.unreadable(study.model_dump()), file)  # `1e10` and "10000000000" are whole numbers by now
    return study


def _refuse(problems: Iterable[str], file: str) -> None:
    if told := [f"{file}: {problem}" for problem in problems]:
        raise EdgeminError("\n".join(told[:20]))


def read_study(file: str) -> Study:
    """A study file, as Snakemake would read it.

    Raises EdgeminError for a file that is not there, is no YAML or is no study.
    """
    try:
        config = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EdgeminError(f"{file}: cannot be read as YAML ({' '.join(str(error).split())}); name a study file") from None
    if not isinstance(config, dict):
        raise EdgeminError(f"{file}: holds no study; name a study file")
    return parse_study(config, file=file)
