"""Jobs on data and encoders: first of all, so that what is wrong with them shows before any training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgemin.plan.jobs.base import Inputs, Job
from edgemin.plan.paths import DOWNLOADS, download, inside
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.chains import one_of
from edgemin.study.formats import STATE, parts_of
from edgemin.study.header import INDEX, WEIGHTS
from edgemin.study.pins import pins_of, source_spec
from edgemin.study.runtime import CHECKPOINT
from edgemin.study.sources import DataSource
from edgemin.study.tokenizer_file import NAME as TOKENIZER


def inputs_of(sources: Iterable[DataSource]) -> Inputs:
    """What jobs that read these sources wait for: downloads, or the user's own files."""
    sources = list(sources)
    downloads = [download(pin.name) for source in sources for pin in pins_of(source)]
    local = [file for source in sources if source.files for path in source.files.paths.values() for file in _files(path)]
    return {"downloads": list(dict.fromkeys(downloads)), "local": local}


def _files(path: str) -> list[str]:
    """A file, or those of a saved data set: a folder's own time does not change where a data set is saved into it again. A folder that is no such data set is
    the job's to refuse."""
    folder = Path(path)
    if not folder.is_dir():
        return [path]
    try:
        parts = parts_of(folder)
    except (ValueError, OSError):
        return [path]
    about = (folder / STATE, folder / "dataset_info.json")  # and what its classes are called
    return [str(file) for file in (*about, *parts) if file.exists()]


def folders_of(sources: Iterable[DataSource]) -> list[str | None]:
    """The download folder of each source; None for local files."""
    return [download(pins[0].name) if (pins := pins_of(source)) else None for source in sources]


def model_files(folder: Path) -> list[str]:
    """Names of what a local model is made from: what is there of it, shards where its weights are in several files."""
    names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]
    if not (folder / WEIGHTS).exists():
        names += [INDEX, *(file.name for file in sorted(folder.glob("*-of-*.safetensors")))]
    if not (folder / TOKENIZER).exists():
        names += ["vocab.json", "merges.txt"]
    names += ["special_tokens_map.json", "added_tokens.json"]
    return [name for name in names if (folder / name).exists()]


class DownloadSource(Job):
    """Downloads are pinned, so their spec contains no code digest."""

    rule = "download_source"
    place = "download/{pin}"
    timed = False

    @property
    def outputs(self) -> str:
        return f"{DOWNLOADS}/{{pin}}"

    def inputs(self, at: Any) -> Inputs:
        return {}

    def spec(self, wildcards: Any) -> dict[str, Any]:
        return self.plan.pins[wildcards.pin].spec


class OnTask(Job):
    """The base of jobs on the data of a task."""

    timed = False

    def task(self, at: Any) -> dict[str, Any]:
        """Without the test sets from elsewhere: a new one changes nothing of the task's own data."""
        return {"task": {name: value for name, value in spec_of(self.study.tasks[at.task]).items() if name != "out_of_domain"}}

    def sources(self, at: Any) -> list[DataSource]:
        return [self.study.tasks[at.task].source]

    def downloads(self, wildcards: Any) -> list[str | None]:
        """Folder of each source."""
        return folders_of(self.sources(wildcards))


class PrepareData(OnTask):
    """The splits."""

    rule = "prepare_data"
    place = "data/{task}"

    @property
    def outputs(self) -> list[str]:
        return self.paths.data_files("{task}")

    def inputs(self, at: Any) -> Inputs:
        return inputs_of(self.sources(at))

    def about(self, at: Any) -> dict[str, Any]:
        return self.task(at)

    def roots(self, at: Any) -> tuple[str, ...]:
        return (f"{self.kind(at.task)}.labels",)

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)


class PrepareTransfer(OnTask):
    """A transfer set."""

    rule = "prepare_transfer"
    place = "transfer/{task}/{transfer}"

    @property
    def outputs(self) -> dict[str, str]:
        folder = f"{self.paths.root}/transfer/{{task}}"
        return {"rows": f"{folder}/{{transfer}}.arrow", "report": f"{folder}/{{transfer}}.json"}

    def sources(self, at: Any) -> list[DataSource]:
        """The task's own first, for the rows of its dead zone."""
        unlabelled = self.study.transfer[at.transfer].unlabelled
        return [self.study.tasks[at.task].source, *(one.source for one in unlabelled)]

    def inputs(self, at: Any) -> Inputs:
        return {**inputs_of(self.sources(at)), "data": self.paths.data_files(at.task)}

    def about(self, at: Any) -> dict[str, Any]:
        return {**self.task(at), "transfer": spec_of(self.study.transfer[at.transfer])}

    def roots(self, at: Any) -> tuple[str, ...]:
        return (f"{self.kind(at.task)}.labels",)

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)


class PrepareOutOfDomain(OnTask):
    """A test set of another kind of text."""

    rule = "prepare_out_of_domain"
    place = "out_of_domain/{task}/{elsewhere}"

    @property
    def outputs(self) -> list[str]:
        return [f"{self.paths.root}/out_of_domain/{{task}}/{{elsewhere}}.arrow"]

    def sources(self, at: Any) -> list[DataSource]:
        return [self.study.tasks[at.task].out_of_domain[at.elsewhere].source]

    def inputs(self, at: Any) -> Inputs:
        return {**inputs_of(self.sources(at)), "data": self.paths.data_files(at.task)}

    def about(self, at: Any) -> dict[str, Any]:
        test = spec_of(self.study.tasks[at.task].out_of_domain[at.elsewhere])
        return {**self.task(at), "name": at.elsewhere, "test": test}

    def roots(self, at: Any) -> tuple[str, ...]:
        return (f"{self.kind(at.task)}.labels",)

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)


class PrepareEncoder(Job):
    """A source of a model, in one form."""

    rule = "prepare_encoder"
    place = "encoders/{task}/{encoder}"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return inside(self.paths.encoder("{task}", "{encoder}"), CHECKPOINT)

    def inputs(self, at: Any) -> Inputs:
        source = self.plan.encoders[at.encoder]
        local = [f"{source.path}/{name}" for name in model_files(Path(source.path))] if source.path else []
        data = [self.paths.texts(at.task, "train")] if source.random else []
        return {"downloads": self.downloads(at), "local": local, "data": data}

    def downloads(self, wildcards: Any) -> list[str]:
        return [download(pin.name) for pin in pins_of(self.plan.encoders[wildcards.encoder])]

    def about(self, at: Any) -> dict[str, Any]:
        return {"source": source_spec(self.plan.encoders[at.encoder])}

    def settings(self, at: Any) -> tuple[str, ...]:
        return self.plan.families([self.plan.encoders[at.encoder]])


class CutTokenizer(Job):
    """A tokenizer without the pieces that no text uses, for a prune variant that cuts it."""

    rule = "cut_tokenizer"
    place = "tokenizers/{task}/{tokenizer}--{variant}"
    timed = False

    @property
    def outputs(self) -> list[str]:
        names = ("tokenizer.json", "tokenizer_config.json", "config.json", "kept.json", "provenance.json")
        return inside(f"{self.paths.root}/{self.place}", names)

    def inputs(self, at: Any) -> Inputs:
        transfer = self.study.prune[at.variant].transfer
        texts = ["train", *([f"transfer-{transfer}"] if transfer else [])]
        return {
            "tokenizer": self.plan.tokenizer_files(at.task, at.tokenizer),
            "tokens": [self.paths.tokens(at.task, at.tokenizer, one) for one in texts],
        }

    def about(self, at: Any) -> dict[str, Any]:
        return {"variant": spec_of(self.study.prune[at.variant])}

    def own_constraints(self) -> dict[str, str]:
        return {"variant": one_of(self.study.prune)}

    def roots(self, at: Any) -> tuple[str, ...]:
        return (f"{registry.STRUCTURES.module(self.study.prune[at.variant].structure)}.tokenizer",)


class TokenizeTexts(Job):
    """Texts as ids, once for each task and tokenizer."""

    rule = "tokenize_texts"
    place = "tokens/{task}/{tokenizer}/{texts}"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return [self.paths.tokens("{task}", "{tokenizer}", "{texts}")]

    def inputs(self, at: Any) -> Inputs:
        held_out = [self.paths.texts(at.task, split) for split in ("validation", "test")]
        return {
            "rows": self.paths.texts(at.task, at.texts),
            "tokenizer": self.plan.tokenizer_files(at.task, at.tokenizer),
            "held_out": held_out if at.texts.startswith("transfer-") else [],
        }

    def about(self, at: Any) -> dict[str, Any]:
        return {"max_length": self.study.tasks[at.task].max_length}

    def settings(self, at: Any) -> tuple[str, ...]:
        return self.plan.families([self.plan.encoders[at.tokenizer.partition("--")[0]]])
