"""Train a model by a list of phases, each with its own schedule.

A phase that trains the predictions (`study.term.chooses_epoch`) keeps the best epoch on validation, by its key `keep`. Any other
phase keeps its last epoch. A killed run resumes at its last complete epoch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback

from edgemin.encoders.blocks import Classifier
from edgemin.study.phases import Phase
from edgemin.study.term import chooses_epoch
from edgemin.training.resume import restore, store, whole_checkpoint
from edgemin.training.sampler import LengthGroupedSampler
from edgemin.training.settings import MakeTerm, TrainingInputs
from edgemin.training.supervised import Supervised
from edgemin.training.trainer import PhaseTrainer

log = logging.getLogger(__name__)
BEST = {"metric": np.argmax, "loss": np.argmin}
"""Validation measure -> function that gives the index of the best epoch, the first of equal ones."""


def train(
    student: Classifier, phases: Sequence[Phase], make_term: MakeTerm, given: TrainingInputs, name: str = "train"
) -> dict[str, Any]:
    """Train `student` in place; returns the history (JSON-able): per phase its log, selected epoch, seconds, examples.

    Raises EdgeminError on a non-finite loss, naming phase, step and batch.
    """
    history = []
    for number, phase in enumerate(phases, 1):
        title = f"{name}, phase {number} of {len(phases)}"
        state = given.settings.scratch / f"phase{number}"
        record = restore(student, state)
        if record is None:
            record = _run(student, phase, make_term, given, title, number, state)
            if number < len(phases):
                store(student, record, state)
        else:
            log.info("%s: already done, continuing with the next", title)
        history.append(record)
    return {"phases": history, "precision": given.settings.precision}


def _run(
    student: Classifier, phase: Phase, make_term: MakeTerm, given: TrainingInputs, title: str, number: int, state: Path
) -> dict[str, Any]:
    """Train one phase and return its record."""
    seed = given.settings.seed + 1000 * number  # each phase has batches and dropout of its own
    set_seed(seed)
    model = Supervised(student, [(term.objective, term.weight, make_term(term)) for term in phase.terms])
    sampler = LengthGroupedSampler(given.examples.lengths, phase.batch_size, seed)
    arguments = _arguments(phase, sampler.batches_per_epoch * phase.epochs, seed, given.settings.precision, state)
    trainer = PhaseTrainer(model=model, args=arguments, given=given, sampler=sampler, name=title)
    trainer.pop_callback(PrinterCallback)
    started = time.monotonic()
    with dropout(student, phase.dropout):
        trainer.train(resume_from_checkpoint=whole_checkpoint(state))
    seconds = time.monotonic() - started
    model.release()
    validation = {name: [entry[f"eval_{name}"] for entry in trainer.state.log_history if "eval_loss" in entry] for name in BEST}
    selects = arguments.load_best_model_at_end
    return {
        "title": title,
        "log": [entry for entry in trainer.state.log_history if "train_runtime" not in entry],
        "validation": validation,
        "selected_by": phase.keep if selects else "last",
        "selected_epoch": 1 + int(BEST[phase.keep](validation[phase.keep])) if selects else phase.epochs,
        "updates": trainer.state.max_steps,
        "batch_size": phase.batch_size,
        "examples": len(given.examples),
        "examples_seen": len(given.examples) * phase.epochs,
        "seconds": round(seconds, 2),
        "examples_per_second": round(len(given.examples) * phase.epochs / seconds, 2),
        "last_terms": model.raw,
        "projection_parameters": sum(weight.numel() for weight in model.terms.parameters()),
    }


def _arguments(phase: Phase, steps: int, seed: int, precision: str, state: Path) -> TrainingArguments:
    """The settings of transformers' Trainer. steps: number of updates in the whole phase."""
    evaluates = chooses_epoch(phase.terms)
    selects = evaluates and phase.keep != "last"
    return TrainingArguments(
        output_dir=str(state),
        num_train_epochs=phase.epochs,
        per_device_train_batch_size=phase.batch_size,
        learning_rate=phase.learning_rate,
        weight_decay=phase.weight_decay,
        warmup_steps=round(phase.warmup * steps),
        lr_scheduler_type="linear",
        bf16=precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch" if evaluates else "no",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=selects,
        metric_for_best_model=phase.keep if selects else None,
        greater_is_better=phase.keep == "metric",
        logging_strategy="steps",
        logging_steps=max(1, steps // (10 * phase.epochs)),
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        seed=seed,
        data_seed=seed,
    )


@contextmanager
def dropout(model: nn.Module, p: float | None) -> Iterator[None]:
    """Set every dropout of `model` to probability `p` inside the context. None: leave it unchanged."""
    before = {module: module.p for module in model.modules() if isinstance(module, nn.Dropout)}
    for module, usual in before.items():
        module.p = usual if p is None else p
    try:
        yield
    finally:
        for module, probability in before.items():
            module.p = probability
