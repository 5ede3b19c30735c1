"""Examples per second of each distillation objective: our training loop against transformers' Trainer as it comes.

Ours is `training.loop.train` in the precision that `auto` gives, on length-grouped batches and signals out of the teacher's
cache. The peer is a Trainer in fp32 on random batches, padded to their longest example, that runs the teacher in each step.
Student, data, batch size, optimizer and objective (`distill.terms`) are the same; weights and texts are random, of the default
study's sizes. A `labels` run has no teacher on either side: what is left there is precision and batches.

What leans to a side: the peer's signals come from `LiveSignals`, which collates the batch's token ids a second time and rounds
what it caught to bf16, small beside the teacher's forward. Our caches are smaller than the default study's and so surely in
memory; our batches are grouped among few texts, so that they hold more padding than in a long epoch.
"""

from __future__ import annotations

import argparse
import copy
import gc
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import TypeAdapter
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook
from transformers import AutoConfig, Trainer, TrainingArguments

from edgemin.config.variants import AnyTerm, Phase, needs_of
from edgemin.distill.signals import CachedSignals, LiveSignals, write_cache
from edgemin.distill.terms import TeacherShape, term_maker
from edgemin.encoders import checkpoint
from edgemin.encoders.families import Classifier, hidden_width, layers_of
from edgemin.measure.host import host
from edgemin.tasks.tokens import pad
from edgemin.training import loop
from edgemin.training.data import Examples, Signals
from edgemin.training.precision import resolve

BATCH = 32
WARM_UP = 2  # steps that are not measured
FACTS = {"teacher": "random"}


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

OBJECTIVES: dict[str, dict[str, Any]] = {
    "labels": {"objective": "labels"},
    "logits": {"objective": "logits"},
    "distilbert": {"objective": "distilbert"},
    "tinybert": {"objective": "tinybert"},  # `layers` is the student's number of layers
    "minilm": {"objective": "minilm"},
    "minilmv2": {"objective": "minilmv2"},
    "feature_relation": {"objective": "feature_relation"},
    "preference_classes": {"objective": "preference", "between": "classes"},
    "preference_examples": {"objective": "preference", "between": "examples"},
    "cofi_layers": {"objective": "cofi_layers"},
}


class PaddedToLongest(Examples):
    """Batches of the peer: no longer than their longest example, with the indices that its teacher is asked for."""

    def collate(self, indices: Sequence[int], teacher: Signals | None = None) -> dict[str, Any]:
        arrays = pad([self.tokens[index] for index in indices], self.pad_id)
        inputs = {name: torch.from_numpy(values) for name, values in arrays.items()}
        return {"inputs": inputs, "labels": torch.from_numpy(self.labels[list(indices)]), "indices": torch.tensor(indices)}


@dataclass
class Bench:
    """The models and texts that both sides start from."""

    teacher: Classifier
    student: Classifier
    tokens: list[list[int]]
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

    def for_teacher(self, kind: type[Examples]) -> Examples:
        return kind([{"input_ids": ids} for ids in self.tokens], self.labels, pad_id=1)

    def for_student(self, kind: type[Examples]) -> Examples:
        return kind([{"input_ids": ids, "token_type_ids": [0] * len(ids)} for ids in self.tokens], self.labels, pad_id=0)

    def phase(self, name: str) -> Phase:
        """One epoch on this objective alone."""
        layers = len(layers_of(self.student))
        more = {"tinybert": {"layers": layers}, "cofi_layers": {"layers": min(4, layers)}}.get(name, {})
        term = TypeAdapter(AnyTerm).validate_python(OBJECTIVES[name] | more)
        return Phase(epochs=1, batch_size=BATCH, terms=[term])

    def pupil(self, phase: Phase, watch: Watch) -> tuple[Classifier, nn.Module]:
        """A fresh student and the objective bound to it, always with the same weights."""
        student = copy.deepcopy(self.student)
        torch.manual_seed(0)
        term = term_maker(student, TeacherShape(hidden_width(self.teacher.config)))(phase.terms[0])
        term.register_forward_hook(watch.saw, with_kwargs=True)
        return student, term


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
    files = {need: folder / f"{need}.safetensors" for need in needs_of([phase])}
    for need, file in files.items():  # a pass for each, as in the workflow
        watch.cache_seconds += write_cache(bench.teacher, bench.for_teacher(Examples), need, file, precision, FACTS)
    student, term = bench.pupil(phase, watch)
    examples = bench.for_student(Examples)
    signals = CachedSignals(list(files.values()), examples, FACTS) if files else None
    settings = loop.Settings("accuracy", seed, precision, folder / "scratch")
    with watch.running():
        loop.train(student, [phase], lambda _: term, examples, examples, settings, signals)
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
    watch, needs = Watch(last), needs_of([phase])
    student, term = bench.pupil(phase, watch)
    live = LiveSignals(bench.teacher, bench.for_teacher(PaddedToLongest), needs, "fp32") if needs else None
    examples = bench.for_student(PaddedToLongest)
    trainer = TeachingTrainer(
        live=live,
        model=loop.Supervised(student, [(phase.terms[0].objective, phase.terms[0].weight, term)]),
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


def first_losses(name: str, tiny: bool = False) -> tuple[dict[str, float], dict[str, float]]:
    """(ours, the peer's): loss and parts of the objective at the first step, on the same batch, without dropout.

    There is but one batch, so that both orders begin with it.
    """
    bench = Bench.make(BATCH, tiny)
    with tempfile.TemporaryDirectory() as folder, loop.dropout(bench.student, 0.0):
        mine, theirs = (side(bench, bench.phase(name), 0, 1, Path(folder)).first for side in SIDES.values())
    return mine, theirs


def measure(objectives: Sequence[str], rounds: int, steps: int, tiny: bool = False) -> pd.DataFrame:
    """Per round, objective and side: examples and real tokens of the measured steps, and seconds per example.

    The two sides draw other texts, which makes some rounds' longer than others'. So the seconds are those per real token,
    times the mean length of all texts. cache: seconds per example of the teacher's passes.
    """
    last = WARM_UP + steps
    bench = Bench.make(BATCH * (last + 1), tiny)  # one batch more: the loader fetches ahead
    mean = float(np.mean([len(ids) for ids in bench.tokens]))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in SIDES.values():  # kernels are made for each new length of a batch; this makes them
            side(bench, bench.phase(objectives[-1]), 0, last, folder)
        for number in range(rounds):
            order = list(SIDES) if number % 2 == 0 else list(reversed(SIDES))
            for objective in objectives:
                for side in order:
                    watch = SIDES[side](bench, bench.phase(objective), number, last, folder)
                    examples, tokens = sum(watch.examples[WARM_UP:]), sum(watch.tokens[WARM_UP:])
                    seconds = watch.seconds / tokens * mean
                    row = {"round": number, "objective": objective, "side": side, "examples": examples, "tokens": tokens}
                    rows.append(row | {"seconds": seconds, "cache": watch.cache_seconds / len(bench.tokens)})
                    said = f"round {number + 1} of {rounds}, {objective}, {side}: {1 / seconds:.1f} examples/s"
                    print(said, file=sys.stderr, flush=True)
    return pd.DataFrame(rows)


def summarise(runs: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """A row per objective. Speeds are medians over rounds, ratios medians of each round's ratio.

    ratio_cache: our side pays the teacher's passes for the cache too, spread over `epochs`.
    """
    wide = runs.pivot(index=["objective", "round"], columns="side", values=["seconds", "examples", "tokens", "cache"])
    seconds = wide["seconds"]
    paid = {"ratio": seconds["ours"], "ratio_cache": seconds["ours"] + wide["cache"]["ours"] / epochs}
    ratios = pd.DataFrame({name: seconds["trainer"] / cost for name, cost in paid.items()})
    grouped = ratios.groupby("objective", sort=False)
    table = pd.DataFrame({side: 1 / seconds[side] for side in SIDES}).groupby("objective", sort=False).median()
    for name in ratios:
        table[name], table[f"{name}_min"], table[f"{name}_max"] = (getattr(grouped[name], f)() for f in ("median", "min", "max"))
    sums = wide[["examples", "tokens"]].groupby("objective", sort=False).sum().astype(int)
    for what, side in sums:
        table[f"{what}_{side}"] = sums[what, side]
    return table.loc[runs["objective"].unique()].reset_index()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objectives", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help=f"measured steps per side and round, after {WARM_UP} more")
    parser.add_argument("--epochs", type=int, default=4, help="that the teacher's passes for the cache are spread over")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tiny", action="store_true", help="small models, to try the benchmark itself")
    parser.add_argument("--out", type=Path, help="also write the table to this CSV file")
    arguments = parser.parse_args(argv)

    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # both sides on the CPU
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    torch.set_num_threads(arguments.threads)
    machine = host(arguments.threads) | {"precision": resolve("auto")}
    runs = measure(arguments.objectives, arguments.rounds, arguments.steps, arguments.tiny)
    table = summarise(runs, arguments.epochs)
    print(table.to_string(index=False, float_format="{:.2f}".format))
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    if arguments.out:
        facts = {name: machine[name] for name in ("cpu", "threads", "precision", "load_1min", "measured_at")}
        facts |= {name: machine["versions"][name] for name in ("torch", "transformers")}
        table.assign(rounds=arguments.rounds, steps=arguments.steps, epochs=arguments.epochs, **facts).to_csv(
            arguments.out, index=False, float_format="%.4g"
        )


if __name__ == "__main__":
    main()
