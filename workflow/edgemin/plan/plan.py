"""A study's chains, seen as files: who is made from what, with which tokenizer, of which family. Pure functions of the study.

Nothing here knows of Snakemake or imports torch. Of the disk it asks only for the configs of local models.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from edgemin.core.errors import EdgeminError
from edgemin.core.files import read_json
from edgemin.plan.paths import Paths, inside
from edgemin.study import registry
from edgemin.study.chains import Chain
from edgemin.study.distilling import Distill, OwnSource
from edgemin.study.floor import NUMPY, chain_of
from edgemin.study.pins import Pin, encoder_name, encoders_of, pins_of
from edgemin.study.sources import DataSource, ModelSource
from edgemin.study.static import NAME as STATIC
from edgemin.study.study import Study
from edgemin.study.table import measured_of
from edgemin.study.term import needs_of
from edgemin.study.timed import Timed


class Plan:
    """The plan of one study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.paths = Paths(study.study)
        self.encoders = encoders_of(study)

    @property
    def root(self) -> str:
        return self.paths.root

    @cached_property
    def pins(self) -> dict[str, Pin]:
        """Name -> download, of every source."""
        study = self.study
        sources: list[ModelSource | DataSource] = [
            *self.encoders.values(),
            *(task.source for task in study.tasks.values()),
            *(test.source for task in study.tasks.values() for test in task.out_of_domain.values()),
            *(unlabelled.source for transfer in study.transfer.values() for unlabelled in transfer.unlabelled),
        ]
        return {pin.name: pin for source in sources for pin in pins_of(source)}

    # -- chains ----------------------------------------------------------------------------------------------------

    def grown(self, parent: str, stage: str, variant: str) -> Chain:
        """The chain that a stage rule makes: its parent and one link more."""
        return Chain.parse(f"{parent}/{stage}-{variant}")

    def teacher_of(self, chain: Chain) -> Chain:
        """The teacher of a chain's last link."""
        parent = chain.parent
        assert parent is not None
        return Chain() if self.study.variant(chain).teacher == "root" else parent

    def needs(self, chain: Chain) -> list[str]:
        """The signals that are wanted of that teacher."""
        return needs_of([term for phase in self.study.variant(chain).phases for term in phase.terms])

    def trained_on(self, chain: Chain) -> str:
        """The texts of a chain's last training: a split, or a transfer set."""
        transfer = getattr(self.study.variant(chain), "transfer", None)
        return f"transfer-{transfer}" if transfer and self.trains(chain) else "train"

    def trains(self, chain: Chain) -> bool:
        """Whether the job of the chain's last link trains a model, rather than only cutting or rounding one."""
        if chain.last is None:
            return self.study.teacher.training != "none"
        return bool(self.study.variant(chain).phases)

    def has_history(self, chain: Chain) -> bool:
        """Whether that job writes a history: all do that could train."""
        return not chain.quantized or bool(self.study.variant(chain).trains)

    def batch_invariant(self, chain: Chain) -> bool:
        """Whether a text's answer is the same in any batch, but for rounding: of floats, and where the scheme declares `batch_invariant`."""
        return not chain.quantized or getattr(self.study.variant(chain), "batch_invariant", False)

    def float_of(self, chain: Chain) -> Chain:
        """The chain itself, or the parent that it was quantized from."""
        return chain.parent or chain if chain.quantized else chain

    def accepted_against(self, cell: str) -> tuple[Chain, str] | None:
        """The float parent of a quantized cell, and the runtime in which its answers are compared: the cell's, if it is measured there. None for
        cells that are not judged: float ones, and in a study with a record those whose parent it may not hold."""
        study, chain = self.study, self.study.chain(cell)
        if not (study.acceptance and study.acceptance.limits and chain.quantized):
            return None
        parent = self.float_of(chain)
        if study.record and not (study.page and parent in self._default_chains):
            return None
        own, measured = study.runtimes_of(chain)[0], study.runtimes_of(parent)
        return parent, own if own in measured else measured[0]

    @cached_property
    def _default_chains(self) -> set[Chain]:
        return {self.study.chain(cell) for cell in self.study.default_cells()}

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

    def sized_as(self, chain: Chain) -> Chain:
        """The chain whose shapes are timed for a cut of `chain` to a time: itself, or the model before several such cuts in a row, so that
        they share the times."""
        while chain.parent is not None and isinstance(self.study.variant(chain), Timed):
            chain = chain.parent
        return chain

    # -- encoders, tokenizers, families ------------------------------------------------------------------------------

    def source_of(self, chain: Chain) -> ModelSource:
        """The source whose encoder the chain's model is made of."""
        for link in reversed(chain.prefixes):
            variant = self.study.variant(link) if link.links else None
            if isinstance(variant, Distill) and isinstance(variant.student, OwnSource):
                return variant.student.source
        return self.study.teacher.source

    def tokenizer_of(self, chain: Chain) -> str:
        """Name of the tokenizer of a chain's model: that of its source, with a name more for each cut of it."""
        name = encoder_name(self.study.teacher.source)
        for link in chain.prefixes[1:]:
            variant = self.study.variant(link)
            assert link.last is not None
            if isinstance(variant, Distill) and isinstance(variant.student, OwnSource):
                name = encoder_name(variant.student.source)
            elif link.last.stage == "prune" and variant.cuts_tokenizer:
                name = f"{name}--{link.last.variant}"
        return name

    @cached_property
    def tokenizers(self) -> list[str]:
        """The tokenizers of all chains."""
        return list(dict.fromkeys(self.tokenizer_of(chain) for chain in self.study.chains()))

    def tokenizer_files(self, task: str, tokenizer: str) -> list[str]:
        """The tokenizer files of a source's encoder, or of one with a cut vocabulary."""
        folder = self.paths.tokenizer if "--" in tokenizer else self.paths.encoder
        names = ("tokenizer.json", "tokenizer_config.json", "config.json", "provenance.json")
        return inside(folder(task, tokenizer), names)

    def tokens(self, task: str, chain: Chain, texts: str) -> str:
        """Texts as the model of a chain reads them."""
        return self.paths.tokens(task, self.tokenizer_of(chain), texts)

    def families(self, sources: Iterable[ModelSource]) -> tuple[str, ...]:
        """The modules of these sources' families; of all families if one of theirs is not known before it is fetched."""
        known = [family_name(source) for source in sources]
        names = registry.FAMILIES.names() if None in known else sorted({name for name in known if name})
        return tuple(registry.FAMILIES.module(name) for name in names)

    def families_of(self, *chains: Chain) -> tuple[str, ...]:
        """The families of the chains' models."""
        static = [chain for chain in chains if self.study.static(chain)]
        families = self.families(self.source_of(chain) for chain in chains if chain not in static)
        return (*families, registry.FAMILIES.module(STATIC)) if static else families

    # -- files -------------------------------------------------------------------------------------------------------

    def artefact(self, task: str, seed: int | str, chain: Chain, runtime: str) -> list[str]:
        """The files that running `chain` in `runtime` reads."""
        names = registry.RUNTIMES[runtime].files(chain.quantized)
        return inside(self.paths.model(task, seed, chain), names)

    def measurements(self, cell: str, task: str, seed: int) -> list[str]:
        chain = self.study.chain(cell)
        folders = (self.paths.measured(task, seed, chain, runtime) for runtime in self.study.runtimes_of(chain))
        return [file for folder in folders for file in inside(folder, measured_of(self.study.times(seed)))]

    def baseline_files(self, name: str) -> list[str]:
        """Everything that is measured of a baseline, over tasks and seeds."""
        return [
            file
            for task in self.study.tasks
            for seed in self.study.seeds
            for file in inside(self.paths.measured(task, seed, chain_of(name), NUMPY.name), measured_of(self.study.times(seed)))
        ]

    def cell_files(self, cell: str) -> list[str]:
        """Everything that is measured of a cell, over tasks and seeds."""
        return [file for task in self.study.tasks for seed in self.study.seeds for file in self.measurements(cell, task, seed)]

    def bundle(self, task: str, cell: str, seed: int | str) -> str:
        """Folder of a bundle."""
        return self.paths.bundle(task, cell, seed, several=len(self.study.tasks) > 1)

    def bundled_runtime(self, cell: str) -> str:
        """The runtime that a cell's bundle runs in. Raises EdgeminError for a cell that none of those with bundles runs."""
        bundled = [name for name, runtime in registry.RUNTIMES.all().items() if runtime.bundles]
        measured = self.study.runtimes_of(self.study.chain(cell))
        if runtimes := [name for name in bundled if name in measured]:
            return runtimes[0]
        raise EdgeminError(
            f"cell '{cell}' is not measured in {', '.join(bundled)}, which bundles run in; deploy another cell, or add it to `runtimes`"
        )

    def sweeps(self, structure: str | None = None) -> list[dict[str, Any]]:
        """Task, seed and file of every sweep of the study (of one structure)."""
        sensitivity = self.study.sensitivity
        if sensitivity is None:
            return []
        chain = self.study.chain(sensitivity.cell)
        return [
            {"task": task, "seed": seed, "file": self.paths.sweep(task, seed, chain, kind, criterion)}
            for task in self.study.tasks
            for kind, criterion in sensitivity.sweeps()
            if structure in (None, kind)
            for seed in self.study.seeds
        ]

    def scans(self) -> list[dict[str, Any]]:
        """Task, seed and file of every scan of layers."""
        if not self.study.layer_sensitivity:
            return []
        chain = self.study.chain(self.study.layer_sensitivity.cell)
        return [
            {"task": task, "seed": seed, "file": self.paths.scan(task, seed, chain)}
            for task in self.study.tasks
            for seed in self.study.seeds
        ]


def family_name(source: ModelSource) -> str | None:
    """As the study says it, or the config of a local model; None if nobody says."""
    if source.family:
        return source.family
    if source.random:
        return source.random.family
    if not source.path:
        return None
    try:
        name = read_json(Path(source.path, "config.json")).get("model_type")
    except (EdgeminError, OSError, AttributeError):
        return None
    return name if name in registry.FAMILIES.names() else None
