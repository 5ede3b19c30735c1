"""The two sides of `speed.py`, and the random models and texts that both start from."""

from __future__ import annotations

import copy
import gc
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from transformers import AutoConfig, Trainer, TrainingArguments

from edgemin.data.arrow import FACTS
from edgemin.data.tokens import Tokens
from edgemin.encoders import checkpoint
from edgemin.encoders.blocks import Classifier, layers_of
from edgemin.methods.distill.signals import CachedSignals, LiveSignals, write_cache
from edgemin.methods.distill.term import TeacherShape, shape_of, term_maker
from edgemin.study import registry
from edgemin.study.family import hidden_width
from edgemin.study.kind import kind_of
from edgemin.study.phases import Phase
from edgemin.study.term import needs_of
from edgemin.training.data import Examples, Signals
from edgemin.training.phase import train
from edgemin.training.precision import resolve
from edgemin.training.settings import Settings, TrainingInputs
from edgemin.training.supervised import Supervised

BATCH = 32
WARM_UP = 2  # steps that are not measured
METRIC = "accuracy"
TAUGHT = {"teacher": "random"}  # what the cache depends on


def _shape(layers: int, width: int, heads: int, intermediate: int, vocabulary: int, positions: int) -> dict[str, int]:
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
    }


TEACHER, STUDENT = _shape(12, 768, 12, 3072, 30527, 514), _shape(6, 384, 12, 1536, 30522, 512)
TINY_TEACHER, TINY_STUDENT = _shape(4, 32, 4, 64, 205, 80), _shape(2, 16, 4, 32, 200, 80)

# Row of the table -> settings of its term. `layers` are given later: they depend on the student.
OBJECTIVES = {name: {"objective": name} for name in dict.fromkeys(["labels", "logits", *registry.OBJECTIVES.names()])}
OBJECTIVES |= {f"preference_{pairs}": {**OBJECTIVES["preference"], "between": pairs} for pairs in ("classes", "examples")}
del OBJECTIVES["preference"]


class PaddedToLongest(Examples):
    """Batches of the peer: no longer than their longest example, with the indices that its teacher is asked for."""

    def collate(self, indices: Sequence[int], teacher: Signals | None = None) -> dict[str, Any]:
        inputs = {name: torch.from_numpy(values) for name, values in self.tokens.batch(indices).items()}
        return {"inputs": inputs, "labels": torch.from_numpy(self.labels[list(indices)]), "indices": torch.tensor(indices)}


@dataclass
class Bench:
    """The models and texts that both sides start from."""

    teacher: Classifier
    student: Classifier
    texts: list[list[int]]
    labels: np.ndarray

    @classmethod
    def make(cls, count: int, tiny: bool = False) -> Bench:
        """Random models and `count` random texts, as long as the default study's: 27 tokens on average, 5 to 64."""
        teacher, student = (TINY_TEACHER, TINY_STUDENT) if tiny else (TEACHER, STUDENT)
        torch.manual_seed(0)
        random = np.random.default_rng(0)
        lengths = random.normal(27, 11, count).round().clip(5, 64).astype(int)
        return cls(
            checkpoint.build(AutoConfig.for_model("mpnet", **teacher)),
            checkpoint.build(AutoConfig.for_model("bert", **student)),
            [random.integers(5, student["vocab_size"], length).tolist() for length in lengths],
            random.integers(0, 2, count),
        )

    def for_teacher(self, collated: type[Examples]) -> Examples:
        return collated(_tokens(1, input_ids=self.texts), self.labels)

    def for_student(self, collated: type[Examples]) -> Examples:
        return collated(_tokens(0, input_ids=self.texts, token_type_ids=[[0] * len(ids) for ids in self.texts]), self.labels)

    def phase(self, name: str) -> Phase:
        """One epoch on this objective alone."""
        layers = len(layers_of(self.student))
        more = {"tinybert": {"layers": layers}, "cofi_layers": {"layers": min(4, layers)}}.get(name, {})
        return Phase.model_validate({"epochs": 1, "batch_size": BATCH, "terms": [OBJECTIVES[name] | more]})

    def pupil(self, phase: Phase, watch: Watch) -> tuple[Classifier, nn.Module]:
        """A fresh student and the objective bound to it, always with the same weights."""
        student = copy.deepcopy(self.student)
        torch.manual_seed(0)
        teacher = TeacherShape(hidden_width(self.teacher.config), shape_of(self.teacher.config))
        term = term_maker(student, teacher, kind_of({"metric": METRIC}))(phase.terms[0])
        term.register_forward_hook(watch.saw, with_kwargs=True)
        return student, term


def _tokens(pad_id: int, **columns: list[list[int]]) -> Tokens:
    """Token ids as a file of the workflow would hold them."""
    arrays = {name: pa.array(rows, pa.large_list(pa.int32())) for name, rows in columns.items()}
    return Tokens(
        pa.table(arrays, metadata={FACTS: json.dumps({"pad_id": pad_id, "max_length": max(map(len, columns["input_ids"]))})}),
        Path("random"),
    )


class _EnoughError(Exception):
    pass


@dataclass
class Watch:
    """What one run did: the clock at the end of each optimizer step, and what the objective got and gave."""

    last: int
    """The step after which the run is broken off, before any validation or checkpoint."""
    clock: list[float] = field(default_factory=list)
    examples: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    """The first step's loss and its parts."""
    cache_seconds: float = 0.0
    """The teacher's passes for the cache."""

    def saw(self, term: nn.Module, arguments: Any, named: dict[str, Any], value: torch.Tensor) -> None:
        self.examples.append(len(named["labels"]))
        self.tokens.append(int(named["mask"].sum()))
        if not self.first:
            self.first = {"loss": float(value.detach()), **getattr(term, "parts", {})}

    def _stepped(self, *arguments: Any) -> None:
        self.clock.append(time.perf_counter())
        if len(self.clock) == self.last:
            raise _EnoughError

    @contextmanager
    def running(self) -> Iterator[None]:
        gc.collect()  # the models of the run before
        handle = register_optimizer_step_post_hook(self._stepped)
        try:
            with suppress(_EnoughError):
                yield
        finally:
            handle.remove()

    @property
    def seconds(self) -> float:
        """Of the measured steps, each from the end of the one before."""
        return self.clock[-1] - self.clock[WARM_UP - 1]


def ours(bench: Bench, phase: Phase, seed: int, last: int, folder: Path) -> Watch:
    """Write the cache, then train by the loop of the workflow."""
    watch, precision = Watch(last), resolve("auto")
    files = {need: folder / f"{need}.safetensors" for need in needs_of(phase.terms)}
    for need, file in files.items():  # a pass for each, as in the workflow
        watch.cache_seconds += write_cache(bench.teacher, bench.for_teacher(Examples), need, file, precision, TAUGHT)
    student, term = bench.pupil(phase, watch)
    examples = bench.for_student(Examples)
    signals = CachedSignals(list(files.values()), examples, TAUGHT) if files else None
    settings = Settings(METRIC, kind_of({"metric": METRIC}), seed, precision, folder / "scratch")
    with watch.running():
        train(student, [phase], lambda _: term, TrainingInputs(examples, examples, settings, signals))
    return watch


class TeachingTrainer(Trainer):
    """The peer: the teacher's forward inside the step."""

    def __init__(self, *, live: LiveSignals | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.live = live

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        indices, length = inputs.pop("indices").tolist(), inputs["inputs"]["input_ids"].shape[1]
        return model(**inputs, teacher=self.live.batch(indices, length) if self.live else None)["loss"]


def peer(bench: Bench, phase: Phase, seed: int, last: int, folder: Path) -> Watch:
    """The same training with transformers' Trainer and its defaults."""
    watch, needs = Watch(last), needs_of(phase.terms)
    student, term = bench.pupil(phase, watch)
    live = LiveSignals(bench.teacher, bench.for_teacher(PaddedToLongest), needs, "fp32") if needs else None
    examples = bench.for_student(PaddedToLongest)
    trainer = TeachingTrainer(
        live=live,
        model=Supervised(student, [(phase.terms[0].objective, phase.terms[0].weight, term)]),
        args=TrainingArguments(
            output_dir=str(folder / "trainer"),
            num_train_epochs=phase.epochs,
            per_device_train_batch_size=phase.batch_size,
            seed=seed,
            use_cpu=True,
            remove_unused_columns=False,  # the examples are indices and have no columns
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=examples,
        data_collator=examples.collate,
    )
    with watch.running():
        trainer.train()
    if live:
        live.capture.remove()
    return watch


SIDES = {"ours": ours, "trainer": peer}
