"""Jobs that make models: the teacher and what it says, the stages, the exported graph; and sweeps of cuts."""

from __future__ import annotations

from typing import Any

from edgemin.plan.jobs.base import Inputs, Job, without_families
from edgemin.plan.paths import inside
from edgemin.plan.plan import Plan
from edgemin.study import registry
from edgemin.study.base import spec_of
from edgemin.study.chains import Chain, one_of
from edgemin.study.distilling import Distill, OwnSource
from edgemin.study.pins import encoder_name, source_spec
from edgemin.study.runtime import CHECKPOINT, GRAPH
from edgemin.study.static import StaticStudent
from edgemin.study.timed import Timed


class Training(Job):
    """Shared parts of all trainings."""

    def training(self, at: Any) -> dict[str, Any]:
        """Entries in the spec of every training."""
        return {
            "seed": int(at.seed),
            **self.judged(at.task),
            "precision": self.study.precision,
            "threads": self.study.threads.training,
        }

    def objectives(self, phases: Any) -> tuple[str, ...]:
        """Modules of the objectives of phases."""
        names = sorted({term.objective for phase in phases for term in phase.terms})
        return tuple(registry.OBJECTIVES.module(name) for name in names)

    def judging(self, task: str) -> tuple[str, ...]:
        """Modules of the kind of task that a training runs: not its labels, which make data."""
        kind = self.kind(task)
        return f"{kind}.scores", f"{kind}.losses"

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)


class TrainTeacher(Training):
    """The root of every chain."""

    rule = "train_teacher"
    place = "models/{task}/seed{seed}/teacher"

    @property
    def outputs(self) -> list[str]:
        return inside(f"{self.paths.root}/{self.place}", (*CHECKPOINT, "history.json"))

    def inputs(self, at: Any) -> Inputs:
        source = encoder_name(self.study.teacher.source)
        return {
            "encoder": inside(self.paths.encoder(at.task, source), CHECKPOINT),
            "tokens": self.paths.tokens(at.task, source, "train"),
            "validation": self.paths.tokens(at.task, source, "validation"),
            "data": f"{self.paths.data(at.task)}/data.json",
        }

    def about(self, at: Any) -> dict[str, Any]:
        teacher = self.study.teacher
        return {"teacher": {**spec_of(teacher), "source": source_spec(teacher.source)}, **self.training(at)}

    def roots(self, at: Any) -> tuple[str, ...]:
        objectives = self.objectives(self.study.teacher.training) if self.plan.trains(Chain()) else ()
        return *objectives, *self.plan.families_of(Chain()), *self.judging(at.task)


class CacheTeacher(Job):
    """Outputs of a frozen teacher, computed once for all its students: a manifest, with the signals beside it."""

    rule = "cache_teacher"
    place = "caches/{task}/seed{seed}/{texts}/{parent}/{need}"

    @property
    def outputs(self) -> list[str]:
        return [self.paths.cache("{task}", "{seed}", "{parent}", "{texts}", "{need}")]

    def inputs(self, at: Any) -> Inputs:
        return {
            "teacher": self.paths.checkpoint(at.task, at.seed, at.parent),
            "tokens": self.plan.tokens(at.task, Chain.parse(at.parent), at.texts),
        }

    def about(self, at: Any) -> dict[str, Any]:
        """Only the kind of task matters here: another metric of the same kind does not change the teacher's outputs."""
        study = self.study
        return {
            "need": at.need,
            "limit_gb": study.teacher_cache.limit_gb,
            "kind": study.tasks[at.task].asks.name,
            "precision": study.precision,
            "threads": study.threads.training,
        }

    def roots(self, at: Any) -> tuple[str, ...]:
        return self.plan.families_of(Chain.parse(at.parent))

    def settings(self, at: Any) -> tuple[str, ...]:
        return (self.kind(at.task),)


class Stage(Training):
    """A link of a chain: any float parent -> parent/stage-variant."""

    stage: str

    def chain(self, at: Any) -> Chain:
        """The chain that it makes."""
        return self.plan.grown(at.parent, self.stage, at.variant)

    def variant(self, at: Any) -> Any:
        return self.study.variants()[self.stage][at.variant]

    def variants(self) -> list[str]:
        """Names of those that it can make."""
        return list(self.study.variants()[self.stage])

    def own_constraints(self) -> dict[str, str]:
        return {"variant": one_of(self.variants())}

    def about(self, at: Any) -> dict[str, Any]:
        return {"variant": without_families(spec_of(self.variant(at))), **self.training(at)}

    def teacher_files(self, at: Any) -> Inputs:
        """What a training reads: its parent, its texts, its teacher and the teacher's outputs for them."""
        chain = self.chain(at)
        teacher, texts = self.plan.teacher_of(chain), self.plan.trained_on(chain)
        return {
            "parent": self.paths.checkpoint(at.task, at.seed, at.parent),
            "teacher": self.paths.checkpoint(at.task, at.seed, teacher),
            "caches": [self.paths.cache(at.task, at.seed, teacher, texts, need) for need in self.plan.needs(chain)],
            "tokens": self.plan.tokens(at.task, chain, texts),
            "validation": self.plan.tokens(at.task, chain, "validation"),
            "teacher_tokens": self.plan.tokens(at.task, teacher, texts),
            "data": f"{self.paths.data(at.task)}/data.json",
        }

    def taught(self, at: Any) -> tuple[str, ...]:
        """Modules of the families and objectives at hand, and of the kind of task."""
        chain = self.chain(at)
        families = self.plan.families_of(chain, Chain.parse(at.parent), self.plan.teacher_of(chain))
        return *families, *self.objectives(self.variant(at).phases), *self.judging(at.task)


class DistillStudent(Stage):
    """Stage 1, knowledge distillation."""

    rule = "distill_student"
    stage = "distill"
    place = "models/{task}/seed{seed}/{parent}/distill-{variant}"

    @property
    def outputs(self) -> list[str]:
        return inside(f"{self.paths.root}/{self.place}", (*CHECKPOINT, "history.json"))

    def variants(self) -> list[str]:
        """But for static students, which have a job of their own."""
        return [name for name, one in self.study.distill.items() if not isinstance(one.student, StaticStudent)]

    def inputs(self, at: Any) -> Inputs:
        variant: Distill = self.variant(at)
        own = variant.student.source if isinstance(variant.student, OwnSource) else None
        source = inside(self.paths.encoder(at.task, encoder_name(own)), CHECKPOINT) if own else []
        return {**self.teacher_files(at), "source": source}

    def roots(self, at: Any) -> tuple[str, ...]:
        return self.taught(at)


class PruneStructured(Stage):
    """Stage 2, pruning."""

    rule = "prune_structured"
    stage = "prune"
    place = "models/{task}/seed{seed}/{parent}/prune-{variant}"

    def variants(self) -> list[str]:
        """Those that are cut to a time have a job of their own."""
        return [name for name, one in self.study.prune.items() if not isinstance(one, Timed)]

    @property
    def outputs(self) -> list[str]:
        return inside(f"{self.paths.root}/{self.place}", (*CHECKPOINT, "history.json"))

    def inputs(self, at: Any) -> Inputs:
        tokenizer = self.plan.tokenizer_of(self.chain(at))
        kept = [f"{self.paths.tokenizer(at.task, tokenizer)}/kept.json"] if self.variant(at).cuts_tokenizer else []
        return {
            **self.teacher_files(at),
            "tokenizer": [*self.plan.tokenizer_files(at.task, tokenizer), *kept],
            "sentences": self.plan.tokens(at.task, Chain.parse(at.parent), "train"),
        }

    def roots(self, at: Any) -> tuple[str, ...]:
        variant = self.variant(at)
        criterion = getattr(variant, "criterion", None)
        ranked = (registry.CRITERIA.module(criterion),) if criterion else ()
        return registry.STRUCTURES.module(variant.structure), *ranked, *self.taught(at)


class QuantizeModel(Stage):
    """Stage 3, quantization, always last. One for each runtime, whose files differ, and one more for what trains."""

    stage = "quantize"
    place = "models/{task}/seed{seed}/{parent}/quantize-{variant}"

    def __init__(self, plan: Plan, runtime: str, trains: bool = False) -> None:
        super().__init__(plan)
        self.runtime, self.trained, self.timed = registry.RUNTIMES[runtime], trains, trains
        self.rule = f"quantize_{'aware' if trains else 'model'}_{runtime}"

    @property
    def script(self) -> str:
        return "quantize_model"

    @property
    def outputs(self) -> list[str]:
        names = (*self.runtime.quantized_files, *(["history.json"] if self.trained else []))
        return inside(f"{self.paths.root}/{self.place}", names)

    def variants(self) -> list[str]:
        """But for those that revert layers, which have a job of their own."""
        schemes = {name: one for name, one in self.study.quantize.items() if not one.revert}
        return [name for name, one in schemes.items() if (one.backend, one.trains) == (self.runtime.name, self.trained)]

    def inputs(self, at: Any) -> Inputs:
        sentences = [self.plan.tokens(at.task, Chain.parse(at.parent), "train")]
        if self.trained:
            return {**self.teacher_files(at), "sentences": sentences}
        graph = inside(self.paths.model(at.task, at.seed, at.parent), GRAPH) if self.runtime.graph else []
        parent = self.paths.checkpoint(at.task, at.seed, at.parent)
        return {"parent": parent, "graph": graph, "sentences": sentences if self.variant(at).reads_data else []}

    def about(self, at: Any) -> dict[str, Any]:
        if self.trained:
            return super().about(at)
        variant = self.variant(at)
        return {"variant": spec_of(variant), **({"seed": int(at.seed)} if variant.reads_data else {})}

    def roots(self, at: Any) -> tuple[str, ...]:
        scheme = registry.SCHEMES.module(self.variant(at).scheme)
        return (scheme, *self.taught(at)) if self.trained else (scheme, *self.plan.families_of(Chain.parse(at.parent)))

    def settings(self, at: Any) -> tuple[str, ...]:
        return super().settings(at) if self.trained else ()

    def without(self, at: Any) -> tuple[str, ...]:
        """Modules of its scheme for other runtimes."""
        scheme = registry.SCHEMES.module(self.variant(at).scheme)
        return tuple(f"{scheme}.in_{name}" for name in registry.RUNTIMES.names() if name != self.runtime.name)


class SweepPruning(Training):
    """One score, many ratios, no recovery."""

    rule = "sweep_pruning"
    place = "sweeps/{task}/seed{seed}/{parent}/{structure}-{criterion}"
    timed = False

    @property
    def outputs(self) -> list[str]:
        return [self.paths.sweep("{task}", "{seed}", "{parent}", "{structure}", "{criterion}")]

    def inputs(self, at: Any) -> Inputs:
        parent = Chain.parse(at.parent)
        return {
            "parent": self.paths.checkpoint(at.task, at.seed, parent),
            "tokens": self.plan.tokens(at.task, parent, "train"),
            "validation": self.plan.tokens(at.task, parent, "validation"),
        }

    def about(self, at: Any) -> dict[str, Any]:
        assert self.study.sensitivity is not None
        variant = {"structure": at.structure, "criterion": at.criterion, "ratio": 0.5}
        if registry.CRITERIA[at.criterion].reads_data:
            variant["sentences"] = self.study.sensitivity.sentences
        return {"variant": variant, "ratios": self.study.sensitivity.ratios, **self.training(at)}

    def roots(self, at: Any) -> tuple[str, ...]:
        own = (registry.STRUCTURES.module(at.structure), registry.CRITERIA.module(at.criterion))
        return *own, *self.plan.families_of(Chain.parse(at.parent)), *self.judging(at.task)
