"""The DAG of a study as pure functions: which files each job reads, and the spec that it is tracked by.

The rules ask here; nothing here knows of Snakemake, reads a file or imports torch. A spec is one dict per job with all
that the result depends on besides its input files: hyper-parameters, threads and a digest of the code that is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgemin.chains import Chain, one_of
from edgemin.check import check_study
from edgemin.config.messages import line
from edgemin.config.pins import Pin, described, encoder_name, encoders_of, pins_of
from edgemin.config.sources import DataSource, ModelSource
from edgemin.config.study import Study
from edgemin.config.variants import Distill, OwnSource, Pruning, needs_of
from edgemin.encoders.folder import CHECKPOINT_FILES, TOKENIZER_FILES
from edgemin.errors import EdgeminError
from edgemin.measure.runtimes import module_of
from edgemin.provenance import NAME, code_digest

DOWNLOADS = "results/downloads"
CHECKPOINT = (*CHECKPOINT_FILES, NAME)
QUANTIZED_ONNX = ("model.onnx", "config.json", *TOKENIZER_FILES, NAME)
BUNDLE = ("model.onnx", "tokenizer.json", "bundle.json", "predict.py", "README.md")
MEASUREMENTS = ("quality.json", "predictions.parquet", "size.json", "latency.json", "timings.parquet")


class Plan:
    """Where everything of one study stands. All paths are relative to the working directory."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.root = f"results/{study.study}"
        self.encoders = encoders_of(study)
        sources: list[ModelSource | DataSource] = [
            *self.encoders.values(),
            *(task.source for task in study.tasks.values()),
            *(test.source for task in study.tasks.values() for test in task.out_of_domain.values()),
            *(unlabelled.source for transfer in study.transfer.values() for unlabelled in transfer.unlabelled),
        ]
        self.pins: dict[str, Pin] = {pin.name: pin for source in sources for pin in pins_of(source)}

    # -- places --------------------------------------------------------------------------------------------------

    def data(self, task: str) -> str:
        return f"{self.root}/data/{task}"

    def transfer(self, task: str, name: str) -> str:
        """The rows of a transfer set; what is worth telling about it stands beside it as .json."""
        return f"{self.root}/transfer/{task}/{name}.parquet"

    def out_of_domain(self, task: str, name: str) -> str:
        return f"{self.root}/out_of_domain/{task}/{name}.parquet"

    def encoder(self, task: str, source: ModelSource) -> str:
        return f"{self.root}/encoders/{task}/{encoder_name(source)}"

    def model(self, task: str, seed: int | str, chain: Chain | str) -> str:
        return f"{self.root}/models/{task}/seed{seed}/{chain}"

    def measured(self, task: str, seed: int | str, chain: Chain | str, runtime: str) -> str:
        return f"{self.root}/measurements/{task}/seed{seed}/{chain}/{runtime}"

    @property
    def scratch(self) -> str:
        return f"{self.root}/scratch"

    # -- inputs --------------------------------------------------------------------------------------------------

    def data_files(self, task: str) -> list[str]:
        return [f"{self.data(task)}/{name}" for name in ("train.parquet", "validation.parquet", "test.parquet", "data.json")]

    def checkpoint(self, folder: str, *more: str) -> list[str]:
        """The files of a model folder, and those that its job writes beside them."""
        return [f"{folder}/{name}" for name in (*CHECKPOINT, *more)]

    def grown(self, parent: str, stage: str, variant: str) -> Chain:
        """The chain that a stage rule makes: its parent and one link more."""
        return Chain.parse(f"{parent}/{stage}-{variant}")

    def variants_regex(self, stage: str, backend: str | None = None, trains: bool = False) -> str:
        """Wildcard constraint: the variants of a stage (of quantization: of one backend, those that train or the others)."""
        found: Mapping[str, Any] = self.study.variants()[stage]
        return one_of(
            name
            for name, variant in found.items()
            if backend is None or (variant.backend == backend and variant.trains == trains)
        )

    def task_inputs(self, task: str) -> dict[str, Any]:
        """Of the job that prepares the data: downloads, or the user's own files."""
        return _inputs_of([self.study.tasks[task].source])

    def transfer_sources(self, task: str, name: str) -> list[DataSource]:
        """The task's own first, for the rows of its dead zone."""
        return [self.study.tasks[task].source, *(unlabelled.source for unlabelled in self.study.transfer[name].unlabelled)]

    def transfer_inputs(self, task: str, name: str) -> dict[str, Any]:
        """Of the job that makes a transfer set."""
        return {**_inputs_of(self.transfer_sources(task, name)), "data": self.data_files(task)}

    def out_of_domain_inputs(self, task: str, name: str) -> dict[str, Any]:
        """Of the job that prepares a test set of another domain."""
        return {**_inputs_of([self.study.tasks[task].out_of_domain[name].source]), "data": self.data_files(task)}

    def encoder_inputs(self, task: str, encoder: str) -> dict[str, Any]:
        """Of the job that normalises an encoder."""
        source = self.encoders[encoder]
        names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
        local = [f"{source.path}/{name}" for name in names if (Path(source.path) / name).exists()] if source.path else []
        return {
            "downloads": [f"{DOWNLOADS}/{pin.name}" for pin in pins_of(source)],
            "local": local,
            "data": [f"{self.data(task)}/train.parquet"] if source.random else [],
        }

    def taught_by(self, chain: Chain) -> tuple[Chain, list[str]]:
        """The teacher of a distill or prune chain, and the signals that are wanted of it."""
        variant = self.study.variant(chain)
        parent = chain.parent
        assert parent is not None
        needs = needs_of(variant.phases)
        return (Chain() if variant.teacher == "root" else parent), needs

    def cache(self, task: str, seed: int | str, teacher: Chain, texts: str, need: str) -> str:
        """texts: `train`, or the name of a transfer set."""
        return f"{self.root}/caches/{task}/seed{seed}/{texts}/{teacher}/{need}.json"

    def texts(self, task: str, texts: str) -> str:
        """The rows that a cache covers, or that a stage trains on."""
        return f"{self.data(task)}/train.parquet" if texts == "train" else self.transfer(task, texts)

    def trained_inputs(self, task: str, seed: int | str, chain: Chain) -> dict[str, Any]:
        """Of a distill or prune job, or of quantization-aware training: parent, teacher, its cached signals, a source where the student has one."""
        teacher, needs = self.taught_by(chain)
        variant = self.study.variant(chain)
        student = variant.student if isinstance(variant, Distill) else None
        source = self.encoder(task, student.source) if isinstance(student, OwnSource) else None
        return {
            "parent": self.checkpoint(self.model(task, seed, chain.parent or Chain())),
            "teacher": self.checkpoint(self.model(task, seed, teacher)),
            "caches": [self.cache(task, seed, teacher, variant.transfer or "train", need) for need in needs],
            "transfer": [self.transfer(task, variant.transfer)] if variant.transfer else [],
            "source": self.checkpoint(source) if source else [],
            "data": self.data_files(task),
        }

    def calibration(self, task: str, variant: str) -> list[str]:
        """What a quantize variant reads of the data: nothing, or the task's files."""
        return self.data_files(task) if self.study.quantize[variant].reads_data else []

    def artefact(self, task: str, seed: int | str, chain: Chain, runtime: str) -> list[str]:
        """The files that running `chain` in `runtime` needs."""
        folder = self.model(task, seed, chain)
        if chain.quantized:
            names = QUANTIZED_ONNX if runtime == "onnxruntime" else CHECKPOINT
            return [f"{folder}/{name}" for name in names]
        graph = [f"{folder}/model.onnx", f"{folder}/onnx_provenance.json"] if runtime == "onnxruntime" else []
        return [*self.checkpoint(folder), *graph]

    def float_of(self, chain: Chain) -> Chain:
        """The chain itself, or the parent that it was quantized from."""
        return chain.parent or chain if chain.quantized else chain

    def compared(self, chain: Chain) -> dict[str, Chain]:
        """Who takes turns with `chain` when its latency is measured: the teacher, and the model it came from if that is another."""
        if chain.parent is None:
            return {"model": chain}
        parent = self._cut_from(chain)
        return {"model": chain, "reference": Chain(), **({"parent": parent} if parent.links else {})}

    def _cut_from(self, chain: Chain) -> Chain:
        """The parent; of several cuts in a row, without a recovery in between, the model that the first one cut."""
        parent = chain.parent
        assert parent is not None
        assert chain.last is not None
        if chain.last.stage != "prune":
            return parent
        while parent.last is not None and parent.last.stage == "prune" and not self.study.variant(parent).phases:
            assert parent.parent is not None
            parent = parent.parent
        return parent

    def latency_inputs(self, task: str, seed: int | str, chain: Chain, runtime: str) -> dict[str, Any]:
        files = {name: self.artefact(task, seed, other, runtime) for name, other in self.compared(chain).items()}
        return {**files, "test": f"{self.data(task)}/test.parquet"}

    def measurements(self, cell: str, task: str, seed: int) -> list[str]:
        chain = self.study.chain(cell)
        return [
            f"{self.measured(task, seed, chain, runtime)}/{name}"
            for runtime in self.study.runtimes_of(chain)
            for name in MEASUREMENTS
        ]

    def cell_files(self, cell: str) -> list[str]:
        """Everything that is measured of a cell, over tasks and seeds."""
        return [file for task in self.study.tasks for seed in self.study.seeds for file in self.measurements(cell, task, seed)]

    # -- specs ---------------------------------------------------------------------------------------------------

    def spec_data(self, task: str) -> dict[str, Any]:
        return {"task": self._spec_task(task), "code": code_digest("edgemin.tasks.splits")}

    def _spec_task(self, task: str) -> dict[str, Any]:
        """Without the test sets from elsewhere: a new one changes nothing of the task's own data."""
        return self.study.tasks[task].model_dump(mode="json", exclude={"out_of_domain"})

    def spec_transfer(self, task: str, name: str) -> dict[str, Any]:
        spec = self.study.transfer[name].model_dump(mode="json")
        return {"task": self._spec_task(task), "transfer": spec, "code": code_digest("edgemin.tasks.transfer")}

    def spec_out_of_domain(self, task: str, name: str) -> dict[str, Any]:
        test = self.study.tasks[task].out_of_domain[name].model_dump(mode="json")
        return {"task": self._spec_task(task), "name": name, "test": test, "code": code_digest("edgemin.tasks.out_of_domain")}

    def spec_encoder(self, encoder: str) -> dict[str, Any]:
        return {"source": self.encoders[encoder].model_dump(mode="json"), "code": code_digest("edgemin.encoders.normalise")}

    def _spec_training(self, task: str, seed: int | str, module: str) -> dict[str, Any]:
        study = self.study
        return {
            "seed": int(seed),
            "max_length": study.tasks[task].max_length,
            "metric": study.tasks[task].metric,
            "precision": study.precision,
            "threads": study.threads.training,
            "code": code_digest(module),
        }

    def spec_teacher(self, task: str, seed: int | str) -> dict[str, Any]:
        return {
            "teacher": self.study.teacher.model_dump(mode="json"),
            **self._spec_training(task, seed, "edgemin.training.teacher"),
        }

    def spec_cache(self, task: str, need: str) -> dict[str, Any]:
        study = self.study
        return {
            "need": need,
            "limit_gb": study.teacher_cache.limit_gb,
            "max_length": study.tasks[task].max_length,
            "precision": study.precision,
            "threads": study.threads.training,
            "code": code_digest("edgemin.distill.teachers"),
        }

    def spec_stage(self, task: str, seed: int | str, chain: Chain) -> dict[str, Any]:
        assert chain.last is not None
        stage = chain.last.stage
        spec = {"variant": self.study.variant(chain).model_dump(mode="json")}
        if stage == "quantize":
            variant = self.study.variant(chain)
            if variant.trains:
                return {**spec, **self._spec_training(task, seed, f"edgemin.quantize.{variant.module}")}
            more = {"seed": int(seed), "max_length": self.study.tasks[task].max_length} if variant.reads_data else {}
            return {**spec, **more, "code": code_digest("edgemin.quantize.stage", f"edgemin.quantize.{variant.module}")}
        return {**spec, **self._spec_training(task, seed, f"edgemin.{stage}.stage")}

    def spec_export(self) -> dict[str, Any]:
        return {"code": code_digest("edgemin.deploy.onnx_export")}

    def spec_quality(self, task: str, chain: Chain, runtime: str) -> dict[str, Any]:
        return {
            "metric": self.study.tasks[task].metric,
            "max_length": self.study.tasks[task].max_length,
            "batch_size": 1 if chain.quantized else 32,
            "threads": self.study.threads.inference,
            "code": code_digest("edgemin.measure.quality", module_of(runtime)),
        }

    def spec_measure_out_of_domain(self, task: str, runtime: str) -> dict[str, Any]:
        return {
            "metric": self.study.tasks[task].metric,
            "max_length": self.study.tasks[task].max_length,
            "threads": self.study.threads.inference,
            "code": code_digest("edgemin.measure.out_of_domain", module_of(runtime)),
        }

    def spec_latency(self, task: str, runtime: str) -> dict[str, Any]:
        return {
            "protocol": self.study.latency.model_dump(mode="json"),
            "max_length": self.study.tasks[task].max_length,
            "threads": self.study.threads.inference,
            "code": code_digest("edgemin.measure.latency_job", module_of(runtime)),
        }

    # -- bundles -------------------------------------------------------------------------------------------------

    def bundle(self, task: str, cell: str, seed: int | str) -> str:
        """Folder of a bundle; with several tasks, each has a folder of its own in between."""
        among = f"{task}/" if len(self.study.tasks) > 1 else ""
        return f"{self.root}/deploy/{among}{cell}/seed{seed}"

    def bundle_inputs(self, task: str, cell: str, seed: int | str) -> dict[str, Any]:
        """Raises EdgeminError for a cell that ONNX Runtime does not run."""
        chain = self.study.chain(cell)
        if "onnxruntime" not in self.study.runtimes_of(chain):
            raise EdgeminError(
                f"cell '{cell}' is not measured in onnxruntime, which bundles run in; deploy another cell, or add it to `runtimes`"
            )
        measured = self.measured(task, seed, chain, "onnxruntime")
        return {
            "model": self.artefact(task, seed, chain, "onnxruntime"),
            "measured": [f"{measured}/{name}.json" for name in ("quality", "size", "latency")],
            "data": self.data_files(task),
        }

    def bundles(self) -> list[str]:
        """Files of every bundle of `deploy`; unless the study says which cells, of the last row of its stage-wise table."""
        rows = self.study.table("stagewise").get("onnxruntime", [])
        cells = self.study.deploy or rows[-1:]
        return [
            f"{self.bundle(task, cell, seed)}/{name}"
            for task in self.study.tasks
            for cell in cells
            for seed in self.study.seeds
            for name in BUNDLE
        ]

    def spec_bundle(self, task: str, cell: str, seed: int | str) -> dict[str, Any]:
        study, chain = self.study, self.study.chain(cell)
        sources: dict[str, Any] = {"teacher": study.teacher.source, f"data of task {task}": study.tasks[task].source}
        for link in chain.prefixes:
            variant = study.variant(link) if link.links else None
            if isinstance(variant, Distill) and isinstance(variant.student, OwnSource):
                sources[f"student of {link.last}"] = variant.student.source
            if isinstance(variant, Distill | Pruning) and variant.transfer:
                for number, unlabelled in enumerate(study.transfer[variant.transfer].unlabelled, 1):
                    sources[f"unlabelled text {number} of {variant.transfer}"] = unlabelled.source
        return {
            "study": study.study,
            "task": task,
            "cell": cell,
            "seed": int(seed),
            "chain": str(chain),
            "max_length": study.tasks[task].max_length,
            "sources": [f"{what}: {described(source)}" for what, source in sources.items()],
            "command": f"snakemake --cores all {self.bundle(task, cell, seed)}/model.onnx",
            "code": code_digest("edgemin.deploy.bundle", "edgemin.deploy.predict"),
        }

    # -- sweeps and scans -----------------------------------------------------------------------------------------

    def sweep_file(self, task: str, seed: int | str, structure: str, criterion: str) -> str:
        assert self.study.sensitivity is not None
        folder = f"{self.root}/sweeps/{task}/seed{seed}/{self.study.chain(self.study.sensitivity.cell)}"
        return f"{folder}/{structure}-{criterion}.json"

    def sweeps(self, structure: str | None = None) -> list[dict[str, Any]]:
        """Task, seed and file of every sweep of the study (of one structure)."""
        found = self.study.sensitivity.sweeps() if self.study.sensitivity else []
        return [
            {"task": task, "seed": seed, "file": self.sweep_file(task, seed, kind, criterion)}
            for task in self.study.tasks
            for kind, criterion in found
            if structure in (None, kind)
            for seed in self.study.seeds
        ]

    def scans(self) -> list[dict[str, Any]]:
        """Task, seed and file of every scan of layers."""
        if not self.study.layer_sensitivity:
            return []
        chain = self.study.chain(self.study.layer_sensitivity.cell)
        return [
            {"task": task, "seed": seed, "file": f"{self.root}/scans/{task}/seed{seed}/{chain}/int8.json"}
            for task in self.study.tasks
            for seed in self.study.seeds
        ]

    def spec_scan(self, task: str) -> dict[str, Any]:
        assert self.study.layer_sensitivity is not None
        return {
            "sentences": self.study.layer_sensitivity.sentences,
            "max_length": self.study.tasks[task].max_length,
            "metric": self.study.tasks[task].metric,
            "threads": self.study.threads.inference,
            "code": code_digest("edgemin.quantize.scan"),
        }

    def spec_sweep(self, task: str, seed: int | str, structure: str, criterion: str) -> dict[str, Any]:
        assert self.study.sensitivity is not None
        variant = {"structure": structure, "criterion": criterion, "ratio": 0.5}
        if structure != "weights":
            variant["sentences"] = self.study.sensitivity.sentences
        return {
            "variant": variant,
            "ratios": self.study.sensitivity.ratios,
            **self._spec_training(task, seed, "edgemin.prune.sweep"),
        }

    def clear_signals(self) -> None:
        """Delete the teachers' cached signals, large and quickly made again, unless the study keeps them."""
        if not self.study.teacher_cache.keep:
            for file in Path(self.root, "caches").rglob("*.safetensors"):
                file.unlink()

    # -- the disk ----------------------------------------------------------------------------------------------------

    def check(self, task: str, label_names: list[str] | None = None) -> None:
        """Raises EdgeminError if some chain of the study cannot work, as far as can be seen: see `edgemin.check`."""
        check_study(
            self.study, task, {name: Path(self.encoder(task, source)) for name, source in self.encoders.items()}, label_names
        )

    def check_local_files(self) -> None:
        """Raises EdgeminError for a `path` or `files` source that is not there, before any job runs."""
        for source in self.encoders.values():
            if source.path:
                for name in ("config.json", "model.safetensors"):
                    if not _is_file(Path(source.path) / name):
                        raise EdgeminError(
                            f"source.path: {line(source.path)} has no {name}; give a folder with config.json, model.safetensors "
                            "and a tokenizer (pickled weights are not read)"
                        )
        data = {f"tasks.{name}.source": task.source for name, task in self.study.tasks.items()}
        for name, task in self.study.tasks.items():
            data |= {f"tasks.{name}.out_of_domain.{test}.source": spec.source for test, spec in task.out_of_domain.items()}
        for name, transfer in self.study.transfer.items():
            data |= {f"transfer.{name}.unlabelled.{n}.source": spec.source for n, spec in enumerate(transfer.unlabelled)}
        for key, spec in data.items():
            for split, file in (spec.files.model_dump(exclude_none=True) if spec.files else {}).items():
                if not _is_file(file):
                    raise EdgeminError(f"{key}.files.{split}: no file {line(file)}; paths are relative to where snakemake runs")


def _is_file(path: Path | str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long, a folder that may not be read
        return False


def _inputs_of(sources: Iterable[DataSource]) -> dict[str, Any]:
    """What jobs that read these sources wait for: downloads, or the user's own files."""
    sources = list(sources)
    downloads = [f"{DOWNLOADS}/{pin.name}" for source in sources for pin in pins_of(source)]
    local = [file for source in sources if source.files for file in source.files.model_dump(exclude_none=True).values()]
    return {"downloads": list(dict.fromkeys(downloads)), "local": local}


def folders_of(sources: Iterable[DataSource]) -> list[str | None]:
    """Where each source was fetched to; None for local files."""
    return [f"{DOWNLOADS}/{pins[0].name}" if (pins := pins_of(source)) else None for source in sources]
