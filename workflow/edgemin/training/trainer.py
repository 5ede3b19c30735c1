"""transformers' Trainer with our batches, our loss, our validation and our progress lines."""

from __future__ import annotations

import logging
import time
from typing import Any

import torch
from transformers import Trainer, TrainerCallback

from edgemin.core.errors import EdgeminError
from edgemin.encoders.blocks import Classifier
from edgemin.training.predict import predict
from edgemin.training.sampler import LengthGroupedSampler
from edgemin.training.settings import TrainingInputs
from edgemin.training.supervised import Supervised

log = logging.getLogger(__name__)


class PhaseTrainer(Trainer):
    """The Trainer of one phase."""

    def __init__(self, *, given: TrainingInputs, sampler: LengthGroupedSampler, name: str, **kwargs: Any) -> None:
        super().__init__(
            train_dataset=given.examples,
            eval_dataset=given.validation,
            data_collator=lambda indices: given.examples.collate(indices, given.signals),
            callbacks=[Progress(name, sampler)],
            **kwargs,
        )
        self.model: Supervised
        self.given, self.sampler, self.phase_name = given, sampler, name

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
        settings, gold = self.given.settings, self.given.validation.labels
        logits = predict(self.model.student, self.given.validation)
        loss = settings.kind.losses().loss(torch.tensor(logits), torch.tensor(gold))
        metrics = {"eval_metric": settings.kind.scores().score(settings.metric)(gold, logits), "eval_loss": float(loss)}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class Progress(TrainerCallback):
    """Log progress with an ETA, and set the sampler's epoch (a resumed Trainer does not)."""

    def __init__(self, name: str, sampler: LengthGroupedSampler, every: float = 15.0) -> None:
        self.name, self.sampler, self.every = name, sampler, every
        self.started = self.logged = time.monotonic()
        self.first_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.started = self.logged = time.monotonic()
        self.first_step = state.global_step
        if state.global_step:
            log.info("%s: resumed at step %d of %d", self.name, state.global_step, state.max_steps)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.sampler.set_epoch(round(state.epoch or 0))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = time.monotonic()
        if now - self.logged < self.every:
            return
        self.logged = now
        pace = (now - self.started) / (state.global_step - self.first_step)
        left = pace * (state.max_steps - state.global_step)
        line = "%s: step %d of %d, %.2f s a step, %d:%02d left"
        log.info(line, self.name, state.global_step, state.max_steps, pace, left // 60, left % 60)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        line = "%s: epoch %g, validation %.4f, its loss %.4f"
        log.info(line, self.name, state.epoch, metrics["eval_metric"], metrics["eval_loss"])
