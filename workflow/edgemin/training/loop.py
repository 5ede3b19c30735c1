"""Train a model by a list of phases, on transformers' Trainer.

Each phase is one run with its own schedule. Validation decides which epoch of a phase counts, if the phase trains the
predictions (its terms include one on labels or logits); else its last epoch does. A killed run goes on at its last epoch.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

from edgemin.config.variants import Phase, chooses_epoch
from edgemin.encoders.families import Classifier
from edgemin.errors import EdgeminError
from edgemin.tasks.metrics import compute
from edgemin.training.data import Examples, Signals
from edgemin.training.sampler import LengthGroupedSampler

log = logging.getLogger(__name__)
EVAL_BATCH = 64


@dataclass(frozen=True)
class Settings:
    metric: str
    seed: int
    precision: str  # bf16 or fp32
    scratch: Path
    """Folder of the resume state: its name must digest all that the result depends on."""


class Supervised(nn.Module):
    """A student with the weighted terms of one phase; its forward gives the loss."""

    def __init__(self, student: Classifier, terms: Sequence[tuple[str, float, nn.Module]]) -> None:
        super().__init__()
        self.student = student
        self.terms = nn.ModuleList([module for _, _, module in terms])
        self.names = [name for name, _, _ in terms]
        self.weights = [weight for _, weight, _ in terms]
        self.raw = dict.fromkeys(self.names, 0.0)  # last value of each term, unweighted

    def forward(
        self, inputs: dict[str, torch.Tensor], labels: torch.Tensor, teacher: dict[str, torch.Tensor] | None = None
    ) -> dict[str, torch.Tensor]:
        logits = self.student(**inputs).logits.float()
        loss = logits.new_zeros(())
        with torch.autocast(logits.device.type, enabled=False):  # a KL of bf16 products would be off in the second digit
            for name, weight, term in zip(self.names, self.weights, self.terms, strict=True):
                value = term(logits=logits, mask=inputs["attention_mask"], labels=labels, teacher=teacher or {})
                self.raw[name] = float(value.detach())
                self.raw.update({f"{name}.{part}": size for part, size in getattr(term, "parts", {}).items()})
                loss = loss + weight * value
        return {"loss": loss}

    def release(self) -> None:
        """Take the terms' hooks off the student."""
        for term in self.terms:
            capture: Any = getattr(term, "capture", None)
            if capture is not None:
                capture.remove()


@torch.no_grad()
def predict(model: Classifier, examples: Examples) -> np.ndarray:
    """float32 logits (N, K) in the order of the examples, computed in float32 whatever the training precision."""
    model.eval()
    device = next(model.parameters()).device
    order = np.argsort(examples.lengths, kind="stable")
    logits: list[np.ndarray] = [np.empty(0)] * len(order)
    for start in range(0, len(order), EVAL_BATCH):
        indices = order[start : start + EVAL_BATCH].tolist()
        inputs = {name: values.to(device) for name, values in examples.collate(indices)["inputs"].items()}
        for index, row in zip(indices, model(**inputs).logits.float().cpu().numpy(), strict=True):
            logits[index] = row
    return np.stack(logits)


class _Trainer(Trainer):
    """Trainer with our batches, our loss and our validation."""

    def __init__(self, *, validation: Examples, metric: str, sampler: LengthGroupedSampler, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model: Supervised
        self.validation, self.metric, self.sampler, self.phase_name = validation, metric, sampler, name

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedSampler:
        return self.sampler

    def compute_loss(
        self, model: Classifier, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        loss = model(**inputs)["loss"]
        if not torch.isfinite(loss):
            raise EdgeminError(
                f"{self.phase_name}: loss is {loss.item()} at step {self.state.global_step + 1} of {self.state.max_steps} "
                f"(epoch {self.sampler.epoch + 1}, batch {self.state.global_step % self.sampler.batches_per_epoch + 1}; "
                f"terms: {self.model.raw}); lower the learning rate or set precision: fp32"
            )
        return loss

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        logits = predict(self.model.student, self.validation)
        metrics = {"eval_metric": compute(self.metric, self.validation.labels, logits)}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class _Progress(TrainerCallback):
    """Lines with an ETA, and the epoch told to the sampler (which a resumed Trainer forgets)."""

    def __init__(self, name: str, sampler: LengthGroupedSampler, every: float = 15.0) -> None:
        self.name, self.sampler, self.every = name, sampler, every
        self.started = self.shown = time.monotonic()
        self.first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.started = self.shown = time.monotonic()
        self.first_step = state.global_step
        if state.global_step:
            log.info("%s: resumed at step %d of %d", self.name, state.global_step, state.max_steps)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.sampler.set_epoch(round(state.epoch or 0))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = time.monotonic()
        if now - self.shown >= self.every:
            self.shown = now
            pace = (now - self.started) / (state.global_step - self.first_step)
            left = pace * (state.max_steps - state.global_step)
            log.info(
                "%s: step %d of %d, %.2f s a step, %d:%02d left",
                self.name,
                state.global_step,
                state.max_steps,
                pace,
                left // 60,
                left % 60,
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        log.info("%s: epoch %g, validation %.4f", self.name, state.epoch, metrics["eval_metric"])


def train(
    student: Classifier,
    phases: Sequence[Phase],
    make_term: Callable[[Any], nn.Module],
    examples: Examples,
    validation: Examples,
    settings: Settings,
    signals: Signals | None = None,
    name: str = "train",
) -> dict[str, Any]:
    """Train `student` in place; returns the history (JSON-able): per phase its log, selected epoch, seconds, examples.

    make_term: config of a term -> module called as term(logits, mask, labels, teacher).
    Raises EdgeminError on a non-finite loss, naming phase, step and batch.
    """
    history = []
    for number, phase in enumerate(phases, 1):
        title = f"{name}, phase {number} of {len(phases)}"
        state = settings.scratch / f"phase{number}"
        done = state / "done"
        if done.is_dir():  # an earlier, killed run finished this phase
            log.info("%s: already done, going on after it", title)
            history.append(_restore(student, done))
            continue
        record = _run_phase(student, phase, make_term, examples, validation, settings, signals, title, number, state)
        history.append(record)
        if number < len(phases):
            _store(student, record, done)
    return {"phases": history, "precision": settings.precision}


def _store(student: Classifier, record: dict[str, Any], done: Path) -> None:
    from safetensors.torch import save_file

    from edgemin.files import write_json

    partial = done.with_name("done.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file({key: value.contiguous() for key, value in student.state_dict().items()}, partial / "student.safetensors")
    write_json(partial / "record.json", record)
    for checkpoint in done.parent.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)
    partial.rename(done)


def _restore(student: Classifier, done: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    from edgemin.files import read_json

    student.load_state_dict(load_file(done / "student.safetensors"), strict=True)
    return dict(read_json(done / "record.json"))


def _whole_checkpoint(state: Path) -> str | None:
    """The newest checkpoint that was written to its end (Trainer writes its state file last)."""
    found = [path for path in state.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return str(max(found, key=lambda path: int(path.name.split("-")[1]))) if found else None


@contextmanager
def dropout(model: nn.Module, p: float | None) -> Iterator[None]:
    """Every dropout of `model` at probability `p` for a while; None: as it is."""
    before = {module: module.p for module in model.modules() if isinstance(module, nn.Dropout)}
    for module, usual in before.items():
        module.p = usual if p is None else p
    try:
        yield
    finally:
        for module, probability in before.items():
            module.p = probability


def _run_phase(
    student: Classifier,
    phase: Phase,
    make_term: Callable[[Any], nn.Module],
    examples: Examples,
    validation: Examples,
    settings: Settings,
    signals: Signals | None,
    title: str,
    number: int,
    state: Path,
) -> dict[str, Any]:
    seed = settings.seed + 1000 * number  # each phase has batches and dropout of its own
    set_seed(seed)
    selects = chooses_epoch(phase.terms)
    model = Supervised(student, [(term.objective, term.weight, make_term(term)) for term in phase.terms])
    sampler = LengthGroupedSampler(examples.lengths, phase.batch_size, seed)
    steps = sampler.batches_per_epoch * phase.epochs
    arguments = TrainingArguments(
        output_dir=str(state),
        num_train_epochs=phase.epochs,
        per_device_train_batch_size=phase.batch_size,
        learning_rate=phase.learning_rate,
        weight_decay=phase.weight_decay,
        warmup_steps=round(phase.warmup * steps),
        lr_scheduler_type="linear",
        bf16=settings.precision == "bf16",
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch" if selects else "no",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=selects,
        metric_for_best_model="metric",
        greater_is_better=True,
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
    trainer = _Trainer(
        model=model,
        args=arguments,
        train_dataset=examples,
        eval_dataset=validation,
        data_collator=lambda indices: examples.collate(indices, signals),
        callbacks=[_Progress(title, sampler)],
        validation=validation,
        metric=settings.metric,
        sampler=sampler,
        name=title,
    )
    trainer.pop_callback(_printer())
    started = time.monotonic()
    with dropout(student, phase.dropout):
        trainer.train(resume_from_checkpoint=_whole_checkpoint(state))
    seconds = time.monotonic() - started
    model.release()
    scores = [entry["eval_metric"] for entry in trainer.state.log_history if "eval_metric" in entry]
    return {
        "title": title,
        "log": [entry for entry in trainer.state.log_history if "train_runtime" not in entry],
        "validation": scores,
        "selected_epoch": 1 + int(np.argmax(scores)) if scores else phase.epochs,
        "updates": trainer.state.max_steps,
        "batch_size": phase.batch_size,
        "examples_seen": len(examples) * phase.epochs,
        "seconds": round(seconds, 2),
        "examples_per_second": round(len(examples) * phase.epochs / seconds, 2),
        "last_terms": model.raw,
        "projection_parameters": sum(weight.numel() for weight in model.terms.parameters()),
    }


def _printer() -> type:
    from transformers.trainer_callback import PrinterCallback

    return PrinterCallback
